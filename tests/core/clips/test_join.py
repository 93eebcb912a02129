"""Joining clips: every frame once, weights of a cross-fade, colours at the seam."""

from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from comfyui_inbetween.core.clips.join import common_rate, join_clips, joined_length
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.pictures.colour import colour_statistics, oklab_from_srgb, srgb_from_oklab
from drawn_pairs import draw_pair
from drawn_scenes import octaves
from hypothesis import given
from hypothesis import strategies as st


def flat(*values):
    """A clip whose frames have one grey value each."""
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1, 1).repeat(1, 2, 3, 3)


def values(joined):
    return [round(value, 4) for value in joined.frames_THWC[:, 0, 0, 0].tolist()]


def scene(count, start=0):
    """Frames start, start + 1, ... of one scene, soft patches of colour that move to the left."""
    noise_CHW = torch.rand(3, 8, 24, generator=torch.Generator().manual_seed(3))
    wide_HWC = F.interpolate(noise_CHW[None], scale_factor=4, mode="bilinear")[0].movedim(0, -1)
    wide_HWC = 0.3 + 0.4 * (0.6 * wide_HWC.mean(-1, keepdim=True) + 0.4 * wide_HWC)
    return torch.stack([wide_HWC[:, frame : frame + 48] for frame in range(start, start + count)])


def drifted(clip_THWC, gain=0.85, shift=(0.08, 0.02, -0.03)):
    return srgb_from_oklab(oklab_from_srgb(clip_THWC) * gain + torch.tensor(shift))


def lines(joined):
    return joined.report.splitlines()


def seam_line(joined, number=0):
    return [line for line in lines(joined) if line.startswith("Seam")][number]


def steps(joined, number=0):
    """The colour steps before and after, as the report gives them."""
    words = seam_line(joined, number).split("colour step ")[1].split()
    return float(words[0]), float(words[2])


def test_the_frames_both_have_come_once():
    assert values(join_clips([flat(0, 0.1, 0.2), flat(0.2, 0.3), flat(0.3, 0.4)], 1)) == [0, 0.1, 0.2, 0.3, 0.4]
    assert values(join_clips([flat(0, 0.1), flat(0.2, 0.3)], 0, match_colour="off")) == [0, 0.1, 0.2, 0.3]


def test_a_cut_takes_shared_frames_from_the_earlier_clip():
    joined = join_clips([flat(0.1, 0.1, 0.1), flat(0.9, 0.9, 0.5)], 2, "cut", "off")
    assert values(joined) == [0.1, 0.1, 0.1, 0.5]


def test_a_cross_fade_goes_over_in_even_steps_and_shows_neither_clip_alone():
    joined = join_clips([flat(0, 0, 0, 0), flat(0.8, 0.8, 0.8, 0.8)], 3, "cross-fade", "off")
    assert values(joined) == [0, 0.2, 0.4, 0.6, 0.8]
    assert values(join_clips([flat(0.2, 0.2), flat(0.6, 0.6)], 1, "cross-fade", "off")) == [0.2, 0.4, 0.6]


def test_the_order_and_place_of_many_clips_is_reported():
    joined = join_clips([scene(5), scene(4, 3), scene(6, 5)], 2)
    assert torch.equal(joined.frames_THWC, scene(11))
    assert lines(joined)[:4] == [
        "11 frames from 3 clips.",
        "Clip 1: frames 0 to 4.",
        "Clip 2: frames 5 to 6.",
        "Clip 3: frames 7 to 10.",
    ]
    assert seam_line(joined, 1).startswith("Seam between clips 2 and 3, frame 7: colour step ")
    faded = join_clips([scene(5), scene(4, 3), scene(6, 5)], 2, "cross-fade")
    assert lines(faded)[1:4] == ["Clip 1: frames 0 to 4.", "Clip 2: frames 3 to 6.", "Clip 3: frames 5 to 10."]


@given(st.data())
def test_windows_of_one_clip_joined_give_the_clip_again(data):
    overlap = data.draw(st.integers(0, 6))
    seam = data.draw(st.sampled_from(["cut", "cross-fade"]))
    shortest = max(overlap + 1, 2 * overlap if seam == "cross-fade" else 1)
    lengths = data.draw(st.lists(st.integers(shortest, shortest + 8), min_size=2, max_size=6))
    total = sum(lengths) - overlap * (len(lengths) - 1)
    whole = (torch.arange(total, dtype=torch.float32) / total).view(-1, 1, 1, 1).repeat(1, 1, 1, 3)
    starts = [sum(lengths[:number]) - overlap * number for number in range(len(lengths))]
    windows = [whole[start : start + length] for start, length in zip(starts, lengths, strict=True)]
    assert joined_length(lengths, overlap, seam) == total
    assert torch.equal(join_clips(windows, overlap, seam, "off").frames_THWC, whole)


@pytest.mark.parametrize(("overlap", "seam"), [(1, "cut"), (4, "cut"), (4, "cross-fade")])
def test_clips_that_agree_keep_every_bit(overlap, seam):
    joined = join_clips([scene(10), scene(12, 10 - overlap)], overlap, seam, "fade out", 5)
    assert torch.equal(joined.frames_THWC, scene(22 - overlap))


def test_a_corrected_clip_begins_in_the_colours_of_the_earlier_one_and_returns_to_its_own():
    later = drifted(scene(14, 6))
    joined = join_clips([scene(8), later], 2, "cut", "fade out", 4).frames_THWC
    clean = scene(20)
    assert torch.equal(joined[:8], clean[:8])
    assert (joined[8] - clean[8]).abs().max() < 5e-3  # the first of the later clip: corrected fully
    assert torch.equal(joined[12:], later[6:])  # 4 frames further on: its own again
    distance = [(joined[frame] - later[frame - 6]).abs().mean().item() for frame in range(8, 13)]
    assert distance == sorted(distance, reverse=True)
    assert distance[2] == pytest.approx(distance[0] / 2, rel=0.1)


def test_carried_on_the_correction_reaches_the_end_and_the_clips_after():
    clips = [scene(6), drifted(scene(6, 5)), drifted(scene(6, 10), 0.9, (0.0, -0.02, 0.05))]
    joined = join_clips(clips, 1, "cut", "carry on")
    assert (joined.frames_THWC - scene(16)).abs().max() < 6e-3
    assert torch.equal(join_clips(clips, 1, "cut", "off").frames_THWC[6:11], clips[1][1:])


def test_a_fade_that_is_not_over_at_the_next_seam_leaves_no_step_there():
    clips = [scene(6), drifted(scene(6, 5)), drifted(scene(6, 10))]
    joined = join_clips(clips, 1, "cut", "fade out", 50)
    meeting, own = (
        colour_statistics([frame_HWC]).mean_3 for frame_HWC in (joined.frames_THWC[10], joined.frames_THWC[11])
    )
    assert own == pytest.approx(meeting, abs=4e-3)


@pytest.mark.parametrize("overlap", [0, 1, 3])
@pytest.mark.parametrize("seam", ["cut", "cross-fade"])
def test_the_step_at_the_seam_before_and_after(overlap, seam):
    clips = [scene(8), drifted(scene(8, 8 - overlap))]
    before, after = steps(join_clips(clips, overlap, seam, "fade out", 4))
    assert before > 0.02 > 0.006 > after
    before, after = steps(join_clips(clips, overlap, "cut", "off"))
    assert before == after > 0.02


def test_cross_faded_frames_are_corrected_before_they_are_mixed():
    joined = join_clips([scene(8), drifted(scene(10, 5))], 3, "cross-fade", "carry on").frames_THWC
    assert (joined - scene(15)).abs().max() < 6e-3


def test_shared_frames_that_are_not_alike_are_reported():
    def warnings(joined):
        return [line for line in joined.report.splitlines() if line.startswith("Warning")]

    (apart,) = warnings(join_clips([scene(8), scene(8, 10)], 3))
    assert apart.startswith(
        "Warning: clips 1 and 2 share frames 5-7, but their pictures differ there (mean difference 0.0"
    )
    assert apart.endswith("); set overlap to the number of frames that the clips share, or to 0 if there are none.")
    assert warnings(join_clips([scene(8), scene(8, 5)], 3)) == []
    for match_colour in ("fade out", "off"):  # a drift of colour alone is none of the overlap's doing
        assert warnings(join_clips([scene(8), drifted(scene(8, 5))], 3, "cut", match_colour)) == []
    assert warnings(join_clips([scene(8), scene(8, 12)], 0)) == []


@pytest.mark.parametrize("overlap", [0, 1])
@pytest.mark.parametrize("other", [0.8 * scene(8).flip(2), flat(0).repeat(8, 16, 16, 1), 1 - scene(8)])
def test_where_two_different_pictures_meet_colours_are_left_alone(overlap, other):
    joined = join_clips([scene(8), other], overlap, "cut", "fade out", 4)
    assert torch.equal(joined.frames_THWC[8:], other[overlap:])
    assert "; two different pictures meet here, so colours are not matched" in seam_line(joined)


def test_flat_pictures_get_the_mean_colour():
    joined = join_clips([flat(0.5, 0.5), flat(0.4, 0.4, 0.4)], 1, "cut", "carry on")
    assert values(joined) == pytest.approx([0.5] * 4, abs=1e-3)
    assert seam_line(joined).endswith("; the picture is flat, so only its mean colour is matched.")


def test_half_precision_and_the_type_of_the_first_clip():
    joined = join_clips([scene(6).half(), drifted(scene(6, 4))], 2, "cross-fade", "carry on").frames_THWC
    assert joined.dtype == torch.float16
    assert (joined.float() - scene(10)).abs().max() < 6e-3


def test_inputs_are_not_written_to():
    clips = [scene(6), drifted(scene(6, 4))]
    join_clips(clips, 2, "cross-fade")
    assert torch.equal(clips[0], scene(6))
    assert torch.equal(clips[1], drifted(scene(6, 4)))


@pytest.mark.parametrize("seam", ["cut", "cross-fade"])
def test_clips_at_the_ends_may_be_shared_frames_alone(seam):
    """A gap that begins after the first frame of a clip, or ends before its last."""
    clips = [flat(0.1), flat(0.1, 0.2, 0.3), flat(0.3)]
    assert torch.equal(join_clips(clips, 1, seam, "off").frames_THWC, clips[1])


@pytest.mark.parametrize(
    ("clips", "options", "message"),
    [
        ([], {}, "joining needs 2 or more clips, got 0; connect another clip"),
        ([flat(0.1, 0.2)], {}, "joining needs 2 or more clips, got 1; connect another clip"),
        ([flat(0.1, 0.2), torch.rand(2, 4, 6, 3)], {}, "clip 2 is 6x4 but clip 1 is 3x2; scale them to one size"),
        ([flat(0.1), flat(0.1, 0.2)], {"overlap": 2}, "overlap is 2 but clip 1 has only 1 frame; use 0 to 1"),
        ([flat(0.1), flat(0.1), flat(0.1)], {}, "overlap is 1 but clip 2 has only 1 frame; use 0"),
        ([flat(0, 0, 0, 0), flat(0, 0)], {"overlap": 3}, "overlap is 3 but clip 2 has only 2 frames; use 0 to 2"),
        ([flat(0, 0), flat(0, 0)], {"overlap": -1}, "overlap is -1; give 0 or more"),
        ([flat(0, 0, 0), flat(0, 0)], {"overlap": 3}, "clip 2 has only 2 frames; use 0 to 2"),
        (
            [flat(0, 0, 0, 0), flat(0, 0, 0, 0, 0), flat(0, 0, 0, 0)],
            {"overlap": 3, "seam": "cross-fade"},
            "clip 2 has 5 frames, too few to cross-fade 3 at both of its ends; use an overlap of 0 to 2, or set seam",
        ),
        ([flat(0, 0), flat(0, 0)], {"fade_frames": 0}, "fade_frames is 0; give 1 or more, or set match_colour to"),
        ([flat(0, 0), flat(0, float("nan"))], {}, "clip 2 has NaN or infinite values in 1 of 2 frames"),
        ([torch.rand(2, 2, 3, 4), flat(0, 0)], {}, "clip 1 has 4 channels .*Split Image with Alpha"),
        ([flat(0, 0), torch.rand(0, 2, 3, 3)], {}, "clip 2 is empty"),
    ],
)
def test_what_it_refuses(clips, options, message):
    with pytest.raises(InbetweenError, match=message) as error:
        join_clips(clips, **options)
    assert "\n" not in str(error.value)


def test_a_short_clip_in_the_middle_can_be_cut():
    windows = [scene(4), scene(4, 1), scene(4, 2)]
    assert torch.equal(join_clips(windows, 3, "cut").frames_THWC, scene(6))


def test_the_rate_of_the_videos_is_passed_on():
    assert common_rate([None, None], 23.976) == 23.976
    assert common_rate([None, Fraction(30), Fraction(30)], 24.0) == 30.0
    ntsc = Fraction(24000, 1001)
    assert common_rate([ntsc, Fraction(23976, 1000)], 24.0) == float(ntsc)


@pytest.mark.parametrize(
    ("rates", "otherwise", "message"),
    [
        ([Fraction(24), None, Fraction(30)], 24.0, "clip 3 has 30 fps but clip 1 has 24; convert them to one rate"),
        ([Fraction(24), Fraction(24000, 1001)], 24.0, "clip 2 has 23.976 fps but clip 1 has 24;"),
        ([None, None], float("nan"), "fps is nan; give a number above 0"),
    ],
)
def test_rates_that_do_not_agree(rates, otherwise, message):
    with pytest.raises(InbetweenError, match=message):
        common_rate(rates, otherwise)


@pytest.mark.parametrize("seam", ["cut", "cross-fade"])
def test_progress_counts_the_frames_of_the_result(seam):
    done = []
    joined = join_clips([scene(7), scene(6, 5), scene(5, 9)], 2, seam, on_frames=done.append)
    assert sum(done) == len(joined.frames_THWC)


def test_lights_above_one_are_corrected_with_the_rest():
    whole = scene(12)
    whole[:, 10, 20] = 3.0
    second = drifted(whole[8:], 0.9, (0.0, 0.0, 0.0))
    second[:, 10, 20] = 2.2
    joined = join_clips([whole[:8], second], match_colour="carry on").frames_THWC
    assert joined[8:].max() > 2.35
    assert joined[8:, :8].max() <= 1


@pytest.mark.parametrize("dress", ["plain", "letterbox", "pillarbox", "HUD", "vignette", "night"])
@pytest.mark.parametrize("match_colour", ["fade out", "carry on"])
def test_a_shot_after_a_cut_keeps_its_colours(dress, match_colour):
    """Whatever lies on both shots. A pan within one shot is still matched."""
    cut = draw_pair([octaves], "other light", dress, 1)
    first, second = (torch.from_numpy(frame)[None].repeat(2, 1, 1, 1) for frame in (cut.first_HWC, cut.second_HWC))
    joined = join_clips([first, second], 0, match_colour=match_colour)
    assert torch.equal(joined.frames_THWC[2:], second)
    assert "two different pictures meet here, so colours are not matched" in joined.report


@pytest.mark.parametrize("dress", ["plain", "letterbox"])
def test_one_scene_behind_bars_is_still_matched(dress):
    pair = draw_pair([octaves], "pan", dress, 1)
    first, second = torch.from_numpy(pair.first_HWC)[None], 0.85 * torch.from_numpy(pair.second_HWC)[None]
    joined = join_clips([first, second], 0, match_colour="carry on")
    assert "not matched" not in joined.report
    assert (joined.frames_THWC[1].mean() - first.mean()).abs() < 0.3 * (second.mean() - first.mean()).abs()


def test_a_dim_picture_after_black_keeps_its_colours():
    dim = 0.1 * scene(2)
    joined = join_clips([torch.zeros_like(dim), dim], 0)
    assert torch.equal(joined.frames_THWC[2:], dim)
