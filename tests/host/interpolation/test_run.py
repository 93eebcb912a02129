"""Interpolation in the host: its image memory, its progress bar, its Interrupt button."""

from fractions import Fraction

import pytest
import torch
from comfyui_inbetween.core.interpolation.flow_interpolator import FlowInterpolator


@pytest.fixture
def interpolation(host):
    """The module under test, importable once the host is there."""
    from comfyui_inbetween.host.interpolation import run as interpolation

    return interpolation


def weight_free():
    from comfyui_inbetween.host.interpolation.engines import WEIGHT_FREE, load_interpolator

    return load_interpolator(WEIGHT_FREE)


def plan(count):
    from comfyui_inbetween.core.timing.moments import locate, moments_by_multiplier

    return locate(moments_by_multiplier(3, count), range(3))


def moving_square():
    frames_THWC = torch.zeros(3, 48, 64, 3)
    for frame in range(3):
        frames_THWC[frame, 16:32, 8 + 8 * frame : 24 + 8 * frame] = 1.0
    return frames_THWC


def test_frames_land_in_the_hosts_image_memory(interpolation):
    import comfy.model_management as model_management

    interpolator = weight_free()
    frames_THWC, report = interpolation.interpolate(moving_square(), plan(4), interpolator)
    assert frames_THWC.shape == (9, 48, 64, 3)
    assert frames_THWC.dtype == model_management.intermediate_dtype()
    assert frames_THWC.device == model_management.intermediate_device()
    assert torch.equal(frames_THWC[::4], moving_square())
    assert report.frame_count == 9


def test_the_progress_bar_reaches_its_end(interpolation, steps):
    interpolator = weight_free()
    interpolation.interpolate(moving_square(), plan(4), interpolator)
    assert steps[-1] == (9, 9)
    assert [value for value, _ in steps] == sorted(value for value, _ in steps)


def test_interrupt_stops_before_the_next_pair(interpolation, steps):
    import comfy.model_management as model_management

    class Stopper(FlowInterpolator):
        """Interrupts, as the button does, as soon as the first pair is prepared."""

        def prepare(self, first_HWC, second_HWC):
            prepared.append(self)
            model_management.interrupt_current_processing(True)
            return super().prepare(first_HWC, second_HWC)

    prepared, stopper = [], Stopper()
    with pytest.raises(model_management.InterruptProcessingException):
        interpolation.interpolate(moving_square(), plan(2), stopper)
    assert len(prepared) == 1
    assert steps[-1][0] < 5
    assert not model_management.processing_interrupted()


def test_more_than_fits_is_refused_before_any_work(interpolation):
    from comfyui_inbetween.core.timing.moments import Instant

    many = [Instant(0, Fraction(0))] * 1_000_000
    with pytest.raises(ValueError, match=r"GiB of memory, but only .* free: .*; ask for fewer or smaller frames"):
        interpolation.interpolate(torch.zeros(2, 2048, 2048, 3), many, None)
