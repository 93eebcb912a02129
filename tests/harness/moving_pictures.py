"""Drawn clips with known motion, and what cameras, grain and codecs do to them."""

import io
from functools import cache

import av
import cv2
import numpy as np
import torch

HEIGHT, WIDTH = 108, 192


@cache  # many clips show the same ground
def texture(height: int, width: int, seed: int) -> np.ndarray:
    """A picture of shape (H, W, 3) in [0, 1] with detail of all sizes."""
    random = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.float32)
    for sigma in (1.5, 4, 12, 40):
        layer = cv2.GaussianBlur(random.standard_normal(picture.shape, dtype=np.float32), (0, 0), sigma)
        picture += layer / layer.std()
    return (picture - picture.min()) / (picture.max() - picture.min())


def pan(offsets, seed: int = 0, down=None) -> torch.Tensor:
    """A texture seen through a window whose left edge is at each of these offsets in pixels, which may be fractions."""
    wide = texture(HEIGHT + 80, WIDTH + 80 + int(max(np.abs(offsets))), seed)
    down = np.zeros(len(offsets)) if down is None else down
    frames = []
    for x, y in zip(offsets, down, strict=True):
        move = np.float32([[1, 0, x + 30], [0, 1, y + 30]])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        frames.append(cv2.warpAffine(wide, move, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REFLECT))
    return torch.from_numpy(np.stack(frames)).clamp(0, 1)


def disc(places, seed: int = 0, radius: float = 12.0, contrast: float = 0.4) -> torch.Tensor:
    """A dark disc with its centre at each of these columns, on a pale, soft ground."""
    ground = torch.from_numpy(0.55 + 0.2 * texture(HEIGHT, WIDTH, seed))
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    frames = []
    for place in places:
        cover = (radius + 0.5 - torch.hypot(x - float(place), y - HEIGHT / 2)).clamp(0, 1)[..., None]
        frames.append(ground * (1 - cover * contrast))
    return torch.stack(frames)


def with_copies(clip: torch.Tensor, frames) -> torch.Tensor:
    """The clip with these frames replaced by the ones before."""
    clip = clip.clone()
    for frame in sorted(frames):
        clip[frame] = clip[frame - 1]
    return clip


def noisy(clip: torch.Tensor, sigma: float, seed: int = 0) -> torch.Tensor:
    """The clip with noise of its own in each frame."""
    return clip + sigma * torch.randn(clip.shape, generator=torch.Generator().manual_seed(seed))


def compressed(clip: torch.Tensor, crf: int = 23) -> torch.Tensor:
    """The clip after H.264."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as made:
        video = made.add_stream("libx264", rate=24, options={"crf": str(crf), "threads": "1"})
        video.height, video.width, video.pix_fmt = clip.shape[1], clip.shape[2], "yuv420p"
        for frame_HWC in (clip.clamp(0, 1) * 255).round().to(torch.uint8).numpy():
            made.mux(video.encode(av.VideoFrame.from_ndarray(frame_HWC, format="rgb24")))
        made.mux(video.encode())
    file.seek(0)
    with av.open(file) as read:
        frames = [frame.to_ndarray(format="rgb24") for frame in read.decode(video=0)]
    return torch.from_numpy(np.stack(frames)).float() / 255


def film_in_video(film: torch.Tensor, count: int, per_five: int = 4, start: int = 0) -> torch.Tensor:
    """3:2 pull-down: `count` frames of video, five for every `per_five` of the film; the pattern begins at `start`."""
    return film[[(frame + start) * per_five // 5 - start * per_five // 5 for frame in range(count)]]


def telecined(
    film: torch.Tensor, count: int, start: int = 0, own_rows: int = 0
) -> tuple[torch.Tensor, list[tuple[int, int]]]:
    """3:2 pull-down in fields: film frames last two and three fields in turn, and every two fields are one frame.

    own_rows: 0 if rows 0, 2, 4, ... come first, 1 if rows 1, 3, 5, ... do.

    Returns:
        The video, and for each frame the film frames of its even and of its odd rows.
    """
    fields = [frame for frame in range(len(film)) for _ in range(2 + frame % 2)][start:]
    shown, frames = [], []
    for frame in range(count):
        first, second = fields[2 * frame : 2 * frame + 2]
        rows = (first, second) if own_rows == 0 else (second, first)
        woven = film[rows[0]].clone()
        woven[1::2] = film[rows[1]][1::2]
        shown.append(rows)
        frames.append(woven)
    return torch.stack(frames), shown
