"""Run an interpolator over a video that is read once, gap by gap, with a few frames in memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from ...core.interpolation.contract import Interpolator
from ...core.interpolation.cuts import FOUND_CUTS, CutRule
from ...core.interpolation.grained import KEEP, GrainChoice
from ...core.progress import ProgressCallback, no_progress
from ...core.video.frame_window import FrameWindow
from ...core.video.stream_plan import Gap, StreamPlan
from .frame_interpolation import PairReport, SequenceRun
from .halving import check_halvable


@dataclass(frozen=True)
class RenderedGap:
    """A gap whose frames were all passed on.

    gap: as planned.
    report: on its in-betweens, if there is anything to tell.
    """

    gap: Gap
    report: PairReport | None


def render_stream(
    window: FrameWindow,
    plan: StreamPlan,
    interpolator: Interpolator,
    write: Callable[[Tensor], None],
    on_frames: ProgressCallback = no_progress,
    batch: int = 1,
    recursive: bool = False,
    cuts: CutRule = FOUND_CUTS,
    first: int = 0,
    grain: GrainChoice = KEEP,
) -> Iterator[RenderedGap]:
    """Render the frames of a plan in order. They equal those of `interpolate_frames` to the bit.

    Args:
        window: the sources.
        plan: what each frame shows.
        interpolator: renders the in-betweens.
        write: takes each picture, of shape (H, W, 3), in the order of the frames.
        on_frames: called with 0 before each gap and with n after n more frames; may raise to stop the work.
        batch, recursive, cuts: see `interpolate_frames`.
        grain: see `interpolate_frames`.
        first: the frame to begin with, which is the first of a gap; the gaps before it are not rendered.

    Yields:
        Each gap, after its last frame was passed to `write`.

    Raises:
        InbetweenError: a time cannot be reached by halving.
    """
    waiting: dict[int, Tensor] = {}
    following = first

    def put(frames: Sequence[int], picture_HWC: Tensor) -> None:
        nonlocal following
        waiting.update(dict.fromkeys(frames, picture_HWC))
        while following in waiting:
            write(waiting.pop(following))
            following += 1

    run = SequenceRun(window, interpolator, put, on_frames, batch, recursive, cuts, grain=grain)
    for gap in plan.gaps(window):
        if gap.first < first:
            on_frames(0)
            continue
        if recursive:
            check_halvable(set(gap.times))
        run.gap(gap.source, gap.frames)
        report = run.pairs.pop(gap.source, None)
        yield RenderedGap(gap, report if report is not None and report.is_noteworthy else None)
