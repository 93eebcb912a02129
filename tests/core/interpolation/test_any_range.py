"""Engines for 0 to 1 under frames that go beyond."""

import torch
from comfyui_inbetween.core.interpolation.any_range import AnyRange
from comfyui_inbetween.core.interpolation.contract import Rendered


class Mean:
    """An engine that refuses values beyond 0 to 1, and averages."""

    name, device, bytes_per_pixel, by_halving = "mean", torch.device("cpu"), 12, True

    def prepare(self, first_HWC, second_HWC):
        for frame_HWC in (first_HWC, second_HWC):
            assert 0 <= frame_HWC.min() <= frame_HWC.max() <= 1 + 1e-6
        self.frames = first_HWC, second_HWC
        return self

    def render(self, times):
        made = [torch.lerp(*self.frames, time).clamp(0, 1) for time in times]
        return Rendered(torch.stack(made), (0.25,) * len(times))


def test_frames_in_range_are_passed_on_untouched():
    inner, frame = Mean(), torch.rand(8, 9, 3)
    pair = AnyRange(inner).prepare(frame, frame)
    assert pair is inner
    assert inner.frames[0] is frame


def test_values_beyond_the_range_come_back():
    frame = torch.rand(8, 9, 3, generator=torch.Generator().manual_seed(0))
    frame[2:4, 2:4], frame[6, 6] = 30.0, -0.5
    interpolator = AnyRange(Mean())
    assert (interpolator.name, interpolator.bytes_per_pixel, interpolator.by_halving) == ("mean", 12, True)
    pair = interpolator.prepare(frame, frame)
    assert pair is not interpolator.inner
    rendered = pair.render([0.25, 0.5])
    torch.testing.assert_close(rendered.frames_THWC, frame.expand(2, -1, -1, -1), rtol=1e-4, atol=1e-5)
    assert rendered.blended == (0.25, 0.25)


def test_both_frames_get_one_curve():
    dim, bright = torch.full((8, 9, 3), 0.5), torch.full((8, 9, 3), 9.0)
    made = AnyRange(Mean()).prepare(dim, bright).render([0.0001, 0.5, 0.9999]).frames_THWC[:, 0, 0, 0]
    assert made[0] < 0.51 < made[1] < 8.9 < made[2]
