"""Which features each latent frame hears, against figures measured on the published code."""

from fractions import Fraction

import pytest
import torch
from comfyui_inbetween.core.sound.timing import ENCODER_RATE, samples_for, span_of_clip
from comfyui_inbetween.core.sound.windows import CentredWindows, NeighbourWindows, TwoPerFrameWindows, WindowIndices
from comfyui_inbetween.core.timing.latent_grid import LatentGrid

RULES = [CentredWindows(), TwoPerFrameWindows(), NeighbourWindows()]
GRIDS = [LatentGrid(1, 4), LatentGrid(1, 8), LatentGrid(1, 6), LatentGrid(4, 4)]


def heard_by(windows):
    """The features of each latent frame, without slots that have none."""
    return [row[mask].tolist() for row, mask in zip(windows.indices_FW, windows.heard_FW, strict=True)]


# ------------------------------------------------------------------------------------------------ as published


@pytest.mark.parametrize(
    ("features", "frames", "slots", "last"),
    [
        (161, 81, 15, 149),  # StableAvatar's training
        (167, 81, 17, 153),  # its inference, which hears 84 frames
        (162, 81, 17, 149),  # EchoMimicV3's preview
        (175, 81, 17, 161),  # FantasyTalking
        (9, 5, 15, 0),
    ],
)
def test_centred_windows(features, frames, slots, last):
    """Windows of a length of their own for each number of features; those at the ends lack some."""
    windows = CentredWindows().indices(features, span_of_clip(frames, 25))
    assert windows.indices_FW.shape == windows.heard_FW.shape == ((frames - 1) // 4 + 1, slots)
    heard = heard_by(windows)
    assert [heard[0][0], heard[1][0], heard[-1][0]] == [0, 0, last]
    assert heard[-1][-1] == features - 1
    for row, mask in zip(heard, windows.heard_FW, strict=True):
        assert row == list(range(row[0], row[0] + len(row)))
        assert mask.tolist() == [True] * len(row) + [False] * (slots - len(row))  # what there is comes first
    assert all(mask.all() for mask in windows.heard_FW[2:-2])


def test_windows_of_latent_frames_follow_four_frames_of_time():
    """In the middle of the clip, windows are centred on the time of their four frames, to two features."""
    rule, span = CentredWindows(), span_of_clip(81, 25)
    windows = rule.indices(161, span)
    middle = rule.delays(windows, span)[3:-3].mean(dim=1)
    assert middle.abs().max() < 2 / 50 * 25 / 4
    steps = windows.indices_FW[4:-3, 0] - windows.indices_FW[3:-4, 0]
    assert set(steps.tolist()) <= {7, 8}


def test_delays_are_in_latent_frames():
    """The middle of latent frame 1, frames 1 to 4, is 3 frames after the beginning; feature 5 is heard at 0.1125 s."""
    rule, span = CentredWindows(), span_of_clip(81, 25)
    windows = rule.indices(161, span)
    at = windows.indices_FW[1].tolist().index(5)
    assert rule.delays(windows, span)[1, at].item() == pytest.approx((0.1125 * 25 - 3) / 4, abs=1e-6)
    assert rule.delays(windows, span)[0, 0].item() == pytest.approx((0.0125 * 25 - 0.5) / 4, abs=1e-6)


def test_neighbour_windows():
    windows = NeighbourWindows().indices(13, span_of_clip(13, 25))
    assert windows.indices_FW[0, :5].tolist() == [0, 0, 0, 1, 2]
    assert windows.heard_FW[0].tolist() == [True] * 5 + [False] * 3
    assert windows.indices_FW[1].tolist() == [0, 0, 1, 2, 3, 4, 5, 6]
    assert windows.indices_FW[2].tolist() == [3, 4, 5, 6, 7, 8, 9, 10]
    assert windows.indices_FW[3].tolist() == [7, 8, 9, 10, 11, 12, 12, 12]
    assert windows.heard_FW[1:].all()


# ------------------------------------------------------------------------------------------------ on any grid


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: grid.rule)
def test_neighbours_are_two_frames_on_each_side_of_any_latent_frame(grid):
    """Where the clip goes on, they are those frames; at its ends the first and the last stand in."""
    span = span_of_clip(grid.frames(5), 25, grid=grid)
    for latent_frame, heard in enumerate(heard_by(NeighbourWindows().indices(span.frame_count, span))):
        frames = grid.frames_of(latent_frame)
        wanted = range(frames.start - 2, frames.stop + 2)
        assert heard == [min(max(frame, 0), span.frame_count - 1) for frame in wanted]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: grid.rule)
@pytest.mark.parametrize("fps", [16, 25, Fraction(30000, 1001)])
def test_every_rule_hears_the_time_of_each_latent_frame_on_any_grid(rule, grid, fps):
    """What is heard covers the latent frame's own frames, and in the middle of the clip is centred to 0.05 s."""
    span = span_of_clip(grid.frames(9), fps, grid=grid)
    stretches = rule.stretches(span)
    assert len(stretches) == 9
    for latent_frame, (start, end) in enumerate(stretches):
        frames = grid.frames_of(latent_frame)
        first, last = float(frames.start / span.fps), float(frames.stop / span.fps)
        assert start <= first + 0.02
        assert end >= min(last, float(span.seconds)) - 0.04
        if 2 < latent_frame < 6:
            assert abs((start + end) - (first + last)) / 2 < 0.05


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize("fps", [16, 25, 50])
def test_delays_go_by_the_time_of_each_feature(rule, fps):
    """From the middle of a latent frame to the middle of what a feature hears, whatever the features' rate is."""
    span = span_of_clip(33, fps)
    windows, stretches = rule.indices(rule.windowed_count(span), span), rule.stretches(span)
    delays = rule.delays(windows, span)
    step, length = rule.feature_seconds(span)
    for latent_frame in (3, 4):
        frames = span.grid.frames_of(latent_frame)
        middle = (frames.start + frames.stop) / 2 / fps
        expected = [(at - middle) * fps / 4 for at in stretches[latent_frame]]
        heard = delays[latent_frame][windows.heard_FW[latent_frame]]
        half = float(length) / 2 * fps / 4
        assert heard.min().item() == pytest.approx(expected[0] + half, abs=1e-4)
        assert heard.max().item() == pytest.approx(expected[1] - half, abs=1e-4)
    assert delays[4, 1] - delays[4, 0] == pytest.approx(float(step) * fps / 4, abs=1e-4)


# ------------------------------------------------------------------------------------------------ what is encoded


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize(("start", "seconds"), [(0, 9), (1, 9), (0.1, 0.6), (-0.2, 9)])
def test_an_excerpt_holds_the_clip_and_context_as_far_as_there_is_sound(rule, start, seconds):
    span = span_of_clip(13, 25, max(start, 0), 0 if start >= 0 else -1000 * start)
    context = Fraction(2, 5)
    alone, around = (rule.excerpt(span, Fraction(seconds), each) for each in (Fraction(0), context))
    assert alone.start == span.start
    assert alone.lead == 0
    assert alone.samples >= span.encoder_samples
    before = span.start - around.start
    assert 0 <= before <= min(context, max(span.start, 0))
    assert before == Fraction(around.lead, 25 if rule.inside_encoder else 50)
    after = Fraction(around.samples, ENCODER_RATE) - before - span.seconds
    there = max(Fraction(seconds) - span.start - span.seconds, 0)
    assert min(context, there) - Fraction(1, 25) <= after <= min(context, there) + Fraction(1, 100)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize("fps", [16, 23, 25, 30])
def test_the_encoder_makes_as_many_features_as_are_wanted(rule, fps):
    span = span_of_clip(9, fps)
    excerpt = rule.excerpt(span, Fraction(9), Fraction(0))
    made = excerpt.frames or (excerpt.samples - samples_for(1)) // 320 + 1
    assert made == rule.wanted(span)


def test_hearing_takes_the_features_of_the_clip_at_the_rate_of_the_windows():
    """Features that count upward show which were taken: at 50 fps two a frame lie halfway between the encoder's."""
    features = torch.arange(40.0)[:, None]
    centred, at_half = CentredWindows(), TwoPerFrameWindows()
    span = span_of_clip(9, 25)
    assert centred.wanted(span) == 17
    assert centred.hear(features, span).features_FWD.max() == 16
    assert torch.equal(centred.hear(features, span).features_FWD, centred.cut(features[:17], span).features_FWD)
    span = span_of_clip(9, 50)
    assert at_half.resampled(features[:9], span).flatten().tolist() == [*(each / 2 for each in range(17)), 8.0]


def test_positions_and_silence():
    windows = CentredWindows().cut(torch.ones(17, 3), span_of_clip(9, 25))
    assert windows.positions_F.tolist() == [0, 0.5, 1]
    assert not windows.features_FWD[~windows.heard_FW].any()
    silent = windows.silenced()
    assert not silent.features_FWD.any()
    assert silent.heard_FW is windows.heard_FW


def test_stretches_go_from_the_first_to_the_last_feature_that_is_heard():
    rule, span = CentredWindows(), span_of_clip(81, 25)
    heard = heard_by(rule.indices(161, span))
    stretches = rule.stretches(span)
    assert stretches[1] == pytest.approx((0.0, heard[1][-1] * 0.02 + 0.025))
    assert stretches[-1][1] == pytest.approx(160 * 0.02 + 0.025)


def test_a_latent_frame_that_hears_nothing_has_no_stretch():
    class Deaf(CentredWindows):
        def indices(self, features, span):
            return WindowIndices(torch.zeros(1, 3, dtype=torch.long), torch.zeros(1, 3, dtype=torch.bool))

    assert Deaf().stretches(span_of_clip(9, 25)) == [(0.0, 0.0)]
