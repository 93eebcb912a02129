"""Interpolate a video of any length in the host: read, render and write at the same time, part by part."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

import folder_paths
import torch
from comfy_api.latest import Input, InputImpl
from torch import Tensor

from ...core.errors import InbetweenError, TooFewFramesError
from ...core.flow.consistency import CUT_THRESHOLD
from ...core.interpolation.contract import Engine, Settings, own_settings
from ...core.interpolation.copy_plan import KEEP, CopyChoice
from ...core.interpolation.cuts import AT_CUT, AtCut, CutRule, cut_rule
from ...core.interpolation.grained import KEEP as KEEP_GRAIN
from ...core.interpolation.grained import GrainChoice
from ...core.interpolation.lost import LostSettings
from ...core.limits import check_choice
from ...core.reports import report_text
from ...core.video.copies import ChosenSources, choose_sources
from ...core.video.encodings import H264, BitDepth, EncodedLook, choose_look
from ...core.video.frame_window import FrameWindow, PlacedFrame
from ...core.video.rates import FrameTimes, rate_text
from ...core.video.stages import WriteBehind, read_ahead
from ...core.video.stream_plan import StreamPlan, VideoTiming, plan_video
from ...media.assemble import assemble
from ...media.journal import Journal, check_disk
from ...media.parts import PartEnd, PartsWriter
from ...media.video_reader import Deinterlace
from ...samplers.interpolation.frame_interpolation import InterpolationReport, PairReport
from ...samplers.interpolation.video_stream import render_stream
from ..interpolation.run import frames_at_once
from ..runtime import Progress
from .fingerprint import fingerprint
from .progress import VideoProgress
from .sources import ReadableVideo, open_video, sound_of

Sound = Literal["stretch", "keep", "drop"]
SOUNDS: tuple[Sound, ...] = get_args(Sound)
UNFINISHED = "unfinished_videos"  # folder in the host's output folder; its temporary folder is emptied at each start
PART_SECONDS = 2
READ_AHEAD, WRITE_BEHIND = 4, 8  # frames
LEAST_BYTES_PER_PIXEL = {"libx264": 0.05, "libx265": 0.03, "libsvtav1": 0.03, "libvpx-vp9": 0.03, "prores_ks": 0.3}


@dataclass(frozen=True)
class VideoRequest:
    """What is to be made of a video.

    timing, timing_options: see `plan_video`.
    recursive: see `interpolate_frames`.
    copies: see `clip_clock`. cut_threshold, cuts, at_cut: see `cut_rule`.
    grain: see `interpolate_frames`.
    sound: "stretch" plays it as fast as the pictures, with its pitch kept; "keep" keeps it; "drop" leaves it out.
    deinterlace: see `VideoReader`. encoding, crf, bit_depth: see `choose_look`.
    """

    timing: VideoTiming = "frame rate"
    timing_options: Mapping[str, Any] = field(default_factory=dict)
    recursive: bool = False
    copies: CopyChoice = KEEP
    cut_threshold: float = CUT_THRESHOLD
    cuts: str = ""
    at_cut: AtCut = AT_CUT[0]
    grain: GrainChoice = KEEP_GRAIN
    sound: Sound = "stretch"
    deinterlace: Deinterlace = "no"
    encoding: str = H264
    crf: int | None = None
    bit_depth: BitDepth = "as the video"


@dataclass(frozen=True)
class InterpolatedVideo:
    """The result: the host's VIDEO, whose file is in the host's temporary folder; its frame rate; and a report."""

    video: Input.Video
    fps: Fraction
    report: str


def interpolate_video(
    video: Input.Video, engine: Engine, request: VideoRequest, settings: Settings
) -> InterpolatedVideo:
    """Interpolate a video, with a few frames in memory.

    Finished parts stay on the disk if the run is stopped, and the same run goes on after them.

    Args:
        video: the host's.
        engine: from `engines.load_interpolator`.
        request: what is to be made.
        settings: of the engine.

    Raises:
        InbetweenError: the video cannot be read, a choice is not possible with it, or the disk is full.
    """
    check_choice(request.sound, "sound", SOUNDS)
    opened = open_video(video, request.deinterlace)
    pictures = replace(opened.info, has_alpha=False)  # the opacity is left out
    look = choose_look(pictures, request.encoding, request.crf, request.bit_depth)
    run = _Run(video, opened, engine, request, settings, look)
    return run.result()


class _Run:
    """One run over a video."""

    def __init__(
        self,
        video: Input.Video,
        opened: ReadableVideo,
        engine: Engine,
        request: VideoRequest,
        settings: Settings,
        look: EncodedLook,
    ) -> None:
        self._video, self._opened, self._request, self._look = video, opened, request, look
        self._engine, self._settings = engine, settings
        self._times: FrameTimes = opened.times()
        if self._times.count < 2:
            raise TooFewFramesError(f"video: {opened.info.name} has one frame; choose one with 2 or more.", 1)
        self._chosen = self._choose()
        rate = self._times.rate * (self._chosen.rate if self._chosen else 1)
        self._length = self._chosen.length if self._chosen else (self._times.end - self._times.start) * rate
        self._plan: StreamPlan = plan_video(request.timing, rate, round(self._length), **request.timing_options)

    def result(self) -> InterpolatedVideo:
        """Make what is missing, and join it."""
        identity = fingerprint(
            self._video, self._engine, {**asdict(self._request), **self._settings, "look": repr(self._look)}
        )
        folder = Path(folder_paths.get_output_directory()) / UNFINISHED / identity[:16]
        total = self._plan.frame_count(self._length, self._length - 1)
        journal = Journal(folder, identity)
        self._check_disk(journal, total)
        gone_on = journal.next_frame
        self._render(journal, total)
        told = {source: PairReport.of(values) for part in journal.parts for source, *values in part.told}
        frame_count = journal.next_frame
        name = f"interpolated_{identity[:12]}"
        path = _free_path(folder_paths.get_temp_directory(), name, self._look.encoding.extension)
        spans = None if self._plan.keeps_time or self._request.sound == "keep" else self._plan.sound_spans(self._end)
        if self._request.sound == "drop" or not self._opened.info.tracks:
            notes = assemble(journal.files(), path, self._look.encoding, self._plan.fps)
        else:
            with sound_of(self._video, self._opened, self._times, spans, str(folder)) as sound:
                notes = assemble(journal.files(), path, self._look.encoding, self._plan.fps, sound)
        journal.remove()
        report = self._report(frame_count, told, notes, gone_on)
        return InterpolatedVideo(InputImpl.VideoFromFile(path), self._plan.fps, report)

    def _tail(self) -> Fraction:
        """How long the last frame is shown, in frames of the time line."""
        if self._chosen is not None:
            return self._chosen.length - self._chosen.positions[-1]
        return self._times.last * self._plan.rate

    def _cut_rule(self, window: FrameWindow) -> CutRule:
        request = self._request
        numbers = range(self._times.count) if self._chosen is None else self._chosen.numbers
        rule = cut_rule(numbers, request.cut_threshold, request.cuts, request.at_cut)
        return rule if self._times.constant else replace(rule, positions=window.positions)

    def _check_disk(self, journal: Journal, total: int) -> None:
        """Refuse work that will not fit, judged by the finished parts, or by the least that the codec may need."""
        done = journal.next_frame
        pixels = self._opened.info.width * self._opened.info.height
        each = journal.size / done if done else pixels * LEAST_BYTES_PER_PIXEL.get(self._look.encoding.codec, 0.8)
        check_disk(Path(folder_paths.get_output_directory()), max(0, total - done) * each, "the rest of the video")
        check_disk(Path(folder_paths.get_temp_directory()), total * each, "the finished video")

    def _report(self, frame_count: int, told: dict[int, PairReport], notes: list[str], gone_on: int) -> str:
        plan, times, chosen = self._plan, self._times, self._chosen
        numbers = None if chosen is None else chosen.numbers
        when_lost = own_settings(LostSettings, self._settings).when_lost
        report = InterpolationReport(
            self._engine.name, self._source_count, frame_count, told, self._request.at_cut, when_lost
        ).text(None, numbers)
        first, *others = report.splitlines()
        rates = f"{rate_text(times.rate)} to {rate_text(plan.fps)} fps, {float(frame_count / plan.fps):.2f} s."
        info = self._opened.info
        lines = [f"{first} {rates}", f"{info.name}: {info.description}; written as {self._look.encoding.name}."]
        warnings = []
        if chosen is not None and chosen.note:
            lines.append(chosen.note)
        if gone_on:
            lines.append(f"The first {gone_on} frames were finished by an earlier run.")
        if notes:
            lines.append(f"{'; '.join(notes)}.".capitalize())
        if not times.constant:
            lines.append("The frame rate of the video varies: its true times were used, and the result is constant.")
        if self._look.note:
            warnings.append(f"{self._look.note}.")
        if info.interlaced:
            warnings.append("the video is interlaced; set deinterlace to one frame per frame, or per field.")
        if info.has_alpha:
            warnings.append("the opacity of the video is left out.")
        warnings += [f"{problem}." for problem in self._opened.problems]
        return "\n".join([report_text(lines, warnings), *others])

    def _choose(self) -> ChosenSources | None:
        if self._request.copies == KEEP:
            return None
        progress = Progress(self._times.count * (2 if "pulldown" in self._request.copies else 1))

        def frames() -> Iterator[PlacedFrame]:
            with read_ahead(self._placed(None), READ_AHEAD) as placed:
                yield from placed

        return choose_sources(frames, self._request.copies, self._times.constant, progress)

    def _placed(self, ready_from: Fraction | None) -> Iterator[PlacedFrame]:
        """All frames of the video; their pictures are made at once from a position on, and before it when asked for."""
        for frame in self._opened:
            placed = PlacedFrame(self._times.position(frame.time), lambda frame=frame: frame.picture()[..., :3])
            if ready_from is None or placed.position >= ready_from:
                _ = placed.picture
            yield placed

    def _render(self, journal: Journal, total: int) -> None:
        """Make all parts that are not finished yet."""
        info, plan, first = self._opened.info, self._plan, journal.next_frame
        interpolator = self._engine.start(self._settings, info.height, info.width)
        batch = frames_at_once(interpolator, info.height * info.width)
        progress = VideoProgress(total, first)
        parts = PartsWriter(
            journal, self._look, info.width, info.height, plan.fps, lambda: self._check_disk(journal, total)
        )
        part_frames = max(1, round(PART_SECONDS * plan.fps))
        behind = WriteBehind(parts.write, WRITE_BEHIND)

        def write(picture_HWC: Tensor) -> None:
            on_cpu_HWC = picture_HWC.to("cpu", torch.float32)
            behind.put(on_cpu_HWC)
            progress.show(on_cpu_HWC)

        reached = next(moment for number, moment in enumerate(plan.moments()) if number >= first)
        try:
            with read_ahead(self._placed(reached - 4), READ_AHEAD) as frames:
                chosen = self._chosen.placed(frames) if self._chosen else frames
                window = FrameWindow(chosen, self._tail())
                told: list[Sequence[Any]] = []
                in_part = 0
                for each in render_stream(
                    window,
                    plan,
                    interpolator,
                    write,
                    progress,
                    batch,
                    self._request.recursive,
                    self._cut_rule(window),
                    first,
                    self._request.grain,
                ):
                    in_part += len(each.gap.times)
                    if each.report is not None:
                        told.append([each.gap.source, *asdict(each.report).values()])
                    if in_part >= part_frames:
                        behind.put(PartEnd(tuple(told)))
                        told, in_part = [], 0
                behind.put(PartEnd(tuple(told)))
                behind.finish()
                self._source_count, self._end = len(window), window.end()
        finally:
            behind.stop()
            parts.discard()
        if not journal.parts:
            raise InbetweenError(f"video: no frame of {info.name} could be read; copy or convert it again.")


def _free_path(folder: str, name: str, extension: str) -> str:
    """A path that no file has: another run may still read the file of the last one."""
    os.makedirs(folder, exist_ok=True)
    number = 1
    while os.path.exists(path := os.path.join(folder, f"{name}_{number}.{extension}")):
        number += 1
    return path
