"""Drawn scenes for the test of cuts, in families of texture. The thresholds were fitted on `FITTED` families only."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

INPUTS = Path(__file__).resolve().parent.parent.parent / "assets" / "input"
Random = np.random.Generator
Draw = Callable[[Random, int, int], np.ndarray]  # a picture of shape (height, width, 3), float32 in [0, 1]


def octaves(random: Random, height: int, width: int) -> np.ndarray:
    """Blurred noise of one to four sizes."""
    sigmas = random.choice([1.5, 3, 4, 8, 12, 20, 40], int(random.integers(1, 5)), replace=False)
    return stretched(sum(_noise(random, height, width, sigma) for sigma in sigmas))


def leaves(random: Random, height: int, width: int) -> np.ndarray:
    """Discs and boxes on top of each other, each with a colour and some grain of its own."""
    picture = np.full((height, width, 3), random.random(3), np.float32)
    spread = random.uniform(0, 0.15)
    for _ in range(int(random.integers(60, 400))):
        colour, size = random.random(3).tolist(), 3 + 60 * random.random() ** 3
        x, y = int(random.integers(width)), int(random.integers(height))
        if random.random() < 0.6:
            cv2.circle(picture, (x, y), int(size), colour, -1)
        else:
            box = cv2.boxPoints(((x, y), (size, 2 * size), random.uniform(0, 180))).astype(int)
            cv2.fillPoly(picture, [box], colour)
    return (picture + spread * _noise(random, height, width, 1.5)).clip(0, 1).astype(np.float32)


def soft(random: Random, height: int, width: int) -> np.ndarray:
    """Nothing but soft blobs of one size: out of focus, fog, clouds."""
    return stretched(_noise(random, height, width, random.uniform(8, 30)))


def strokes(random: Random, height: int, width: int) -> np.ndarray:
    """Curved strokes and a few discs on a plain ground: chalk, neon, titles, scribbles."""
    picture = np.full((height, width, 3), random.random(3), np.float32)
    for _ in range(int(random.integers(30, 90))):
        colour, thickness = random.random(3).tolist(), int(random.integers(1, 10))
        centre = random.uniform(0, 1, 2) * (width, height)
        if random.random() < 0.3:
            filled = -1 if random.random() < 0.5 else thickness
            cv2.circle(
                picture, tuple(centre.astype(int).tolist()), int(random.integers(5, 40)), colour, filled, cv2.LINE_AA
            )
        else:
            turns, length = random.uniform(-0.15, 0.15, 40).cumsum() + random.uniform(0, 6), random.uniform(2, 8)
            points = centre + length * np.stack([np.cos(turns), np.sin(turns)], 1).cumsum(0)
            cv2.polylines(picture, [points.astype(np.int32)], False, colour, thickness, cv2.LINE_AA)
    return picture.clip(0, 1)


def line_art(random: Random, height: int, width: int) -> np.ndarray:
    """Ink on paper, with or without flat colours, as in drawn animation."""
    picture = np.full((height, width, 3), random.uniform(0.75, 1, 3), np.float32)
    ink, weight = random.uniform(0, 0.25, 3).tolist(), int(random.integers(1, 5))
    coloured = random.random() < 0.6
    for _ in range(int(random.integers(25, 80))):
        centre, size = random.uniform(0, 1, 2) * (width, height), 10 + 120 * random.random() ** 2
        angles = np.sort(random.uniform(0, 2 * np.pi, int(random.integers(3, 12))))
        radii = size * random.uniform(0.5, 1, len(angles))
        points = (centre + np.stack([radii * np.cos(angles), radii * np.sin(angles)], 1)).astype(np.int32)
        if coloured and random.random() < 0.7:
            cv2.fillPoly(picture, [points], random.random(3).tolist(), cv2.LINE_AA)
        cv2.polylines(picture, [points], bool(random.random() < 0.7), ink, weight, cv2.LINE_AA)
    return picture.clip(0, 1)


def power_law(random: Random, height: int, width: int) -> np.ndarray:
    """Noise whose spectrum falls as in photographs."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1
    spectra = np.fft.rfft2(random.standard_normal((3, height, width))) / frequency ** random.uniform(0.9, 1.5)
    mixed = np.einsum("ij,jhw->ihw", random.uniform(0.2, 1, (3, 3)), np.fft.irfft2(spectra, (height, width)))
    return stretched(mixed.transpose(1, 2, 0).astype(np.float32))


def streets(random: Random, height: int, width: int) -> np.ndarray:
    """Houses with rows of windows: repeated texture, straight edges, a flat sky."""
    picture = np.full((height, width, 3), random.uniform(0.5, 1, 3), np.float32)
    left = -int(random.integers(60))
    while left < width:
        wide, top = int(random.integers(50, 160)), int(random.uniform(0, 0.6) * height)
        right = min(left + wide, width)
        picture[top:, max(left, 0) : right] = random.random(3)
        across, down = int(random.integers(12, 40)), int(random.integers(14, 40))
        glass, share = random.random(3), random.uniform(0.4, 0.7)
        for y in range(top + 6, height, down):
            for x in range(left + 6, right - int(across * share), across):
                if x >= 0:
                    shade = glass * random.uniform(0.6, 1)
                    picture[y : y + int(down * share), x : x + int(across * share)] = shade
        left += wide
    return (picture + 0.02 * _noise(random, height, width, 1)).clip(0, 1).astype(np.float32)


def cells(random: Random, height: int, width: int) -> np.ndarray:
    """Shaded facets: soft ramps with hard edges between them."""
    count = int(random.integers(15, 80))
    points = (random.uniform(0, 1, (count, 2)) * (height, width)).astype(np.float32)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    nearest, owner = np.full((height, width), np.inf, np.float32), np.zeros((height, width), np.intp)
    for number, (y, x) in enumerate(points):
        squared = (rows - y) ** 2 + (columns - x) ** 2
        owner[squared < nearest] = number
        nearest = np.minimum(nearest, squared)
    colours, ramps = random.random((count, 3)), random.uniform(-0.004, 0.004, (count, 2)).astype(np.float32)
    across = (rows - points[owner, 0]) * ramps[owner, 0] + (columns - points[owner, 1]) * ramps[owner, 1]
    return (colours[owner] + across[..., None]).clip(0, 1).astype(np.float32)


FITTED: dict[str, Draw] = {"octaves": octaves, "leaves": leaves, "soft": soft, "strokes": strokes}
HELD_OUT: dict[str, Draw] = {"line art": line_art, "power law": power_law, "streets": streets, "cells": cells}


def photographs(files: list[Path]) -> list[Draw]:
    """For each photograph a function that draws a part of it, mirrored or not."""
    return [_part_of(cv2.imread(str(file))[..., ::-1].astype(np.float32) / 255) for file in files]


def _part_of(photo: np.ndarray) -> Draw:
    def draw(random: Random, height: int, width: int) -> np.ndarray:
        scale = max(height / photo.shape[0], width / photo.shape[1]) * random.uniform(1, 1.5)
        large = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC).clip(0, 1)
        top = int(random.integers(max(large.shape[0] - height, 0) + 1))
        left = int(random.integers(max(large.shape[1] - width, 0) + 1))
        part = large[top : top + height, left : left + width]
        part = cv2.copyMakeBorder(part, 0, height - part.shape[0], 0, width - part.shape[1], cv2.BORDER_REFLECT_101)
        return part[:, ::-1] if random.random() < 0.5 else part

    return draw


def stretched(picture: np.ndarray) -> np.ndarray:
    """The same picture over the whole range."""
    low, high = picture.min(), picture.max()
    return ((picture - low) / (high - low)).astype(np.float32)


def _noise(random: Random, height: int, width: int, sigma: float) -> np.ndarray:
    """Blurred noise of deviation 1; wide blurs are drawn small and scaled up."""
    shrink = max(1, int(sigma / 3))
    small = random.standard_normal((height // shrink + 8, width // shrink + 8, 3)).astype(np.float32)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrink)
    large = cv2.resize(small, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_CUBIC)[:height, :width]
    return (large - large.mean()) / large.std()
