"""How a clip moves from frame to frame and where it jumps: the numbers behind the motion plot."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from ..clips.copies import find_copies, repeats_text
from ..errors import TooFewFramesError
from ..pictures.colour import colour_step, mean_colour
from ..pictures.contrast import ToneRange
from ..pictures.images import check_frames, luma
from ..pictures.resize import shrink_scale
from ..progress import ProgressCallback, no_progress
from .optical_flow import SMALLEST_SIDE, flow_both_ways, flow_length
from .warping import backward_warp

MEASURED_SIDE = 256  # longer side, in pixels, at which frames are measured; motion is reported in pixels of the clip

# A jump is larger than RATIO times the usual value of the frames around it, and large enough to be seen.
RATIO = 3.0
WINDOW = 8  # frames on each side
USUAL_QUANTILE = 0.7  # of the moving frames in the window; held frames, as in animation on twos, do not count
# A frame is missing where steady motion takes two steps at once, or three.
STEADY = 4  # frames on each side that show how far things move in one step
UNEVEN = 0.25  # largest spread of steady motion, as a share of it
LEAST_MOTION = 0.005  # share of the clip's diagonal
LEAST_FLICKER = 0.01  # share of the range of luma; less in a dark or flat clip, by its contrast
LEAST_COLOUR = 0.01  # OKLab; half of what is visible between two pictures, because a jump within a clip shows sooner


@dataclass(frozen=True)
class Motion:
    """Measurements of a clip: one value per frame, and the frames at which it jumps.

    motion: mean length of the optical flow from the frame before, in pixels; 0 for the first frame.
    flicker: mean difference in luma, 0 to 1, that a frame has from both of its neighbours after motion compensation;
        0 for the first and the last frame. A cut does not flicker, because each frame next to it agrees with one of its
        neighbours.
    colour: step of the mean colour from the frame before, in OKLab; 0 for the first frame.
    motion_jumps, flicker_jumps, colour_jumps: numbers of the frames at which each value jumps.
    stops: numbers of the frames that repeat the frame before while the clip moves.
    lost: those of the motion jumps before which a frame seems to be missing.
    """

    motion: tuple[float, ...]
    flicker: tuple[float, ...]
    colour: tuple[float, ...]
    motion_jumps: tuple[int, ...]
    flicker_jumps: tuple[int, ...]
    colour_jumps: tuple[int, ...]
    stops: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()

    @property
    def jumps(self) -> tuple[int, ...]:
        """Every frame at which a value jumps, ascending."""
        return tuple(sorted({*self.motion_jumps, *self.flicker_jumps, *self.colour_jumps}))

    def report(self) -> str:
        """The means, then the stops, then one line per jump."""
        lines = [
            f"{len(self.motion)} frames. Mean from frame to frame: {_mean(self.motion):.2f} px of motion, "
            f"flicker {_mean(self.flicker):.4f}, colour step {_mean(self.colour):.4f}."
        ]
        if self.stops:
            lines.append(f"Stops: {repeats_text(self.stops)}.")
        for frame in self.jumps:
            found = []
            if frame in self.motion_jumps:
                lost = " (a frame seems to be missing before it)" if frame in self.lost else ""
                found.append(f"motion {self.motion[frame]:.1f} px{lost}")
            if frame in self.flicker_jumps:
                found.append(f"flicker {self.flicker[frame]:.3f}")
            if frame in self.colour_jumps:
                found.append(f"colour step {self.colour[frame]:.3f}")
            lines.append(f"Jump at frame {frame}: {', '.join(found)}.")
        return "\n".join(lines if self.jumps else [*lines, "No jumps found."])


def measure_motion(frames_THWC: Tensor, on_frames: ProgressCallback = no_progress) -> Motion:
    """Measure a clip frame by frame, at a reduced size.

    Args:
        frames_THWC: a clip of two or more frames in [0, 1].
        on_frames: called with n after n more frames; may raise to stop the work.

    Raises:
        InbetweenError: fewer than two frames, or frames that are empty, not RGB or not finite.
    """
    check_frames(frames_THWC, "images")
    count = frames_THWC.shape[0]
    if count < 2:
        raise TooFewFramesError("images has one frame; connect a clip of 2 or more.", 1)
    motion, flicker, colour = [0.0], [0.0], [0.0]
    before_HWC = at_measured_size(frames_THWC[0])
    scale = frames_THWC.shape[2] / before_HWC.shape[1]
    from_previous_HW: Tensor | None = None  # luma difference of `before_HWC` from the frame preceding it
    for frame in range(1, count):
        now_HWC = at_measured_size(frames_THWC[frame])
        forward_2HW, backward_2HW = flow_both_ways(before_HWC, now_HWC)
        motion.append(float(flow_length(forward_2HW).mean()) * scale)
        colour.append(colour_step(mean_colour(before_HWC), mean_colour(now_HWC)))
        if from_previous_HW is not None:
            to_next_HW = _difference(before_HWC, now_HWC, forward_2HW)
            flicker.append(float(torch.minimum(from_previous_HW, to_next_HW).mean()))
        from_previous_HW = _difference(now_HWC, before_HWC, backward_2HW)
        before_HWC = now_HWC
        on_frames(1)
    flicker.append(0.0)  # the last frame has only one neighbour
    diagonal = float(np.hypot(*frames_THWC.shape[1:3]))
    flicker_jumps = find_jumps(flicker, LEAST_FLICKER / _contrast(frames_THWC))
    motion_jumps, colour_jumps = (
        # The step back from a single bad frame is not a jump of its own.
        tuple(frame for frame in find_jumps(values, least) if frame - 1 not in flicker_jumps)
        for values, least in ((motion, LEAST_MOTION * diagonal), (colour, LEAST_COLOUR))
    )
    stops = find_copies(frames_THWC).frames
    lost = tuple(frame for frame in find_lost(motion, stops) if not {frame - 1, frame} & {*flicker_jumps})
    motion_jumps = tuple(sorted({*motion_jumps, *lost}))
    return Motion(tuple(motion), tuple(flicker), tuple(colour), motion_jumps, flicker_jumps, colour_jumps, stops, lost)


def find_jumps(values: Sequence[float], least: float) -> tuple[int, ...]:
    """The frames whose value is above `least` and above RATIO times the usual value around them.

    The direct neighbours count only if there are no other frames, because a bad frame spoils their values too.

    Args:
        values: one per frame, 0 or more; the first is ignored.
        least: nothing below this is a jump.
    """
    jumps = []
    for frame in range(1, len(values)):
        around = [each for each in range(max(frame - WINDOW, 1), min(frame + WINDOW + 1, len(values))) if each != frame]
        apart = [each for each in around if abs(each - frame) > 1]
        moving = [values[each] for each in apart or around if values[each] > least / 10]
        usual = float(np.quantile(moving, USUAL_QUANTILE)) if moving else 0.0
        if around and values[frame] > max(least, RATIO * usual):
            jumps.append(frame)
    return tuple(jumps)


def find_lost(motion: Sequence[float], stops: Collection[int] = ()) -> tuple[int, ...]:
    """The frames before which a frame or two seem to be missing: steady motion takes two or three steps at once.

    Args:
        motion: one value per frame, 0 or more; the first is ignored.
        stops: frames that repeat the frame before. The long step after a stop is the end of the stop, nothing else.
    """
    halted = {*stops, *(frame + 1 for frame in stops)}
    lost = []
    for frame in range(2, len(motion) - 1):
        window = range(max(frame - STEADY, 1), min(frame + STEADY + 1, len(motion)))
        around = [motion[each] for each in window if each != frame and each not in halted]
        if frame in halted or len(around) < STEADY:
            continue
        usual = float(np.median(around))
        steps = motion[frame] / max(usual, 1e-6)
        is_steady = max(around) - min(around) <= UNEVEN * usual
        if is_steady and round(steps) in (2, 3) and abs(steps - round(steps)) <= UNEVEN:
            lost.append(frame)
    return tuple(lost)


def at_measured_size(frame_HWC: Tensor) -> Tensor:
    """The frame at the size at which it is measured, at least 16 pixels a side; float32, on the CPU."""
    height, width = frame_HWC.shape[:2]
    scale = shrink_scale(height, width, MEASURED_SIDE)
    size = tuple(max(SMALLEST_SIDE, round(side * scale)) for side in (width, height))
    resized_HWC = cv2.resize(frame_HWC.float().cpu().numpy(), size, interpolation=cv2.INTER_AREA)
    return torch.from_numpy(resized_HWC)


def _contrast(frames_THWC: Tensor) -> float:
    """The contrast of a clip by a few of its frames, 1 or more."""
    step = max(1, len(frames_THWC) // 8)
    return max(1.0, ToneRange.of(*(luma(frame_HWC) for frame_HWC in frames_THWC[::step])).contrast)


def _difference(frame_HWC: Tensor, other_HWC: Tensor, flow_2HW: Tensor) -> Tensor:
    """Difference in luma between a frame and another one warped back along the flow to it, of shape (H, W)."""
    frame_HW, other_HW = luma(frame_HWC), luma(other_HWC)
    return (frame_HW - backward_warp(other_HW[None, None], flow_2HW[None])[0, 0]).abs()


def _mean(values: Sequence[float]) -> float:
    return sum(values[1:]) / (len(values) - 1)
