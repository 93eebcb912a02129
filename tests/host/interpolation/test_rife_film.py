"""RIFE and FILM: the frames of the host's own node, and what our nodes add to them."""

import os
import shutil
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from example_engines import film_engine, patcher, rife_engine
from example_values import moving_clip
from PIL import Image
from project_paths import SAMPLE_INPUTS
from rife_film_weights import small_film, small_rife, write_film

pytestmark = pytest.mark.models

REAL_RIFE = "INBETWEEN_RIFE"  # environment variable: a published RIFE file, for tests that are left out without it


@pytest.fixture(autouse=True)
def in_a_node(host):
    """As the host runs nodes."""
    with torch.inference_mode():
        yield


def theirs(engine, clip, multiplier):
    """What the host's node makes."""
    from comfy_extras.nodes_frame_interpolation import FrameInterpolate
    from comfyui_inbetween.host.interpolation.interp_model import as_interp_model

    return FrameInterpolate.execute(as_interp_model(engine), clip, multiplier).result[0]


def ours(engine, frames, timing="multiplier", **values):
    """What Interpolate Frames makes, and its report."""
    from comfyui_inbetween.core.interpolation.frame_plan import plan_frames
    from comfyui_inbetween.host.interpolation.run import interpolate

    plan = plan_frames(frames, timing, **values)
    return interpolate(plan.sources, plan.instants, engine)


def film_of(network):
    from comfyui_inbetween.host.interpolation.rife_film import FILM, HostEngine

    return HostEngine(patcher(network), FILM)


def rife_of(network):
    from comfyui_inbetween.host.interpolation.rife_film import RIFE, HostEngine

    return HostEngine(patcher(network), RIFE)


# The frames are the host's


@pytest.mark.parametrize("size", [(64, 128), (70, 90), (33, 65)])
@pytest.mark.parametrize("multiplier", [2, 3, 4])
def test_rife_makes_the_hosts_frames_at_any_time(size, multiplier):
    """Of sizes that are padded, and that are not."""
    clip = moving_clip(3, *size)
    frames, report = ours(rife_engine(), clip, multiplier=multiplier)
    expected = theirs(rife_engine(), clip, multiplier)
    torch.testing.assert_close(frames, expected, rtol=0, atol=1e-6)
    assert torch.equal(frames[::multiplier], clip)
    assert (expected[1] - clip[0]).abs().max() > 0.01  # it is no copy
    assert (expected[1] - (clip[0] + clip[1]) / 2).abs().max() > 0.01  # nor a cross-fade
    assert report.text() == f"RIFE: {2 * multiplier + 1} frames from 3."


@pytest.mark.parametrize("size", [(64, 64), (70, 90)])
def test_film_halves_and_each_half_is_the_hosts(size):
    """As published. Asked for four steps, the host's node makes others: at times that FILM was not trained for."""
    clip = moving_clip(3, *size)
    once = theirs(film_engine(), clip, 2)
    torch.testing.assert_close(ours(film_engine(), clip, multiplier=2)[0], once, rtol=0, atol=2e-6)
    twice = theirs(film_engine(), once, 2)
    frames, report = ours(film_engine(), clip, multiplier=4)
    torch.testing.assert_close(frames, twice, rtol=0, atol=2e-6)
    assert (theirs(film_engine(), clip, 4) - twice).abs().max() > 0.01
    assert report.text() == "FILM: 9 frames from 3."


def test_film_at_other_times_is_the_hosts_too_and_says_so():
    clip = moving_clip(3, 70, 90)
    frames, report = ours(film_engine(), clip, multiplier=3)
    torch.testing.assert_close(frames, theirs(film_engine(), clip, 3), rtol=0, atol=2e-6)
    assert "Warning: FILM was trained only for the frame half-way, so 4 at other times" in report.text()


def test_several_times_at_once_are_the_same_frames():
    """As on a GPU, where there is room; and when there is none for several, one by one."""
    from comfyui_inbetween.core.interpolation.frame_plan import plan_frames
    from comfyui_inbetween.samplers.interpolation.frame_interpolation import interpolate_frames

    clip = moving_clip(2, 70, 90)
    for engine, multiplier in ((rife_engine(), 4), (film_engine(), 3)):
        plan, made = plan_frames(clip, "multiplier", multiplier=multiplier), []
        for batch in (1, 3):
            result = torch.empty(multiplier + 1, 70, 90, 3)
            interpolate_frames(clip, plan.instants, engine.start({}, 70, 90), result, batch=batch)
            made.append(result)
        torch.testing.assert_close(made[0], made[1], rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", ["RIFE", "FILM"])
def test_half_precision_is_the_hosts(name):
    """Which the host chooses on most GPUs: frames go to the network in its type, and come out as the host's."""
    clip = moving_clip(2, 64, 64)
    engine = rife_of(small_rife().half()) if name == "RIFE" else film_of(small_film().half())
    frames, _ = ours(engine, clip, multiplier=2)
    torch.testing.assert_close(frames, theirs(engine, clip, 2), rtol=0, atol=1e-3)
    assert torch.equal(frames[::2], clip)  # not rounded on the way
    single = rife_engine() if name == "RIFE" else film_engine()
    assert not torch.equal(frames, ours(single, clip, multiplier=2)[0])


def test_the_second_output_is_the_hosts_own_model(tiny_models):
    from comfy_extras.nodes_frame_interpolation import FrameInterpolate, FrameInterpolationModelLoader
    from comfyui_inbetween.nodes.interpolation.interpolator_loader import InbetweenInterpolatorLoader

    clip = moving_clip(3, 70, 90)
    for file in ("flownet.pkl", "rife.safetensors"):
        own = FrameInterpolationModelLoader.execute(file).result[0]
        given = InbetweenInterpolatorLoader.execute(file).result[1]
        assert type(given) is type(own)
        assert type(given.model) is type(own.model)
        made = [FrameInterpolate.execute(model, clip, 3).result[0] for model in (own, given)]
        assert torch.equal(made[0], made[1])


def test_a_film_file_of_the_published_size(tiny_models):
    import folder_paths
    from comfyui_inbetween.host.interpolation.engines import load_interpolator

    path = write_film(tiny_models / "frame_interpolation" / "film_net_fp16.safetensors")
    folder_paths.filename_list_cache.pop("frame_interpolation", None)
    try:
        engine = load_interpolator(path.name)
    finally:
        path.unlink()
        folder_paths.filename_list_cache.pop("frame_interpolation", None)
    clip = moving_clip(2, 64, 64)
    frames, report = ours(engine, clip, multiplier=2)
    torch.testing.assert_close(frames, theirs(engine, clip, 2), rtol=0, atol=2e-6)
    assert report.engine == "FILM"


# What is around them is ours


def test_a_cut_is_held_and_told():
    """The host's node blends over it."""
    coarse = torch.rand(1, 3, 8, 12, generator=torch.Generator().manual_seed(2))
    other = torch.nn.functional.interpolate(coarse, (64, 96), mode="bilinear").movedim(1, 3)
    clip = torch.cat([moving_clip(2, 64, 96), other, other.roll(1, 2)])
    for engine in (rife_engine(), film_engine()):
        frames, report = ours(engine, clip, multiplier=4)
        assert torch.equal(frames[4:7], clip[1].expand(3, -1, -1, -1))
        assert torch.equal(frames[7:9], clip[2].expand(2, -1, -1, -1))
        assert report.text().startswith(
            f"{engine.name}: 13 frames from 4.\nWarning: cut between frames 1 and 2 (5-7 of the result), so the nearer"
        )
        assert not torch.equal(theirs(engine, clip, 4)[7], clip[2])


def test_easing_charts_and_hold_work_with_them():
    clip = moving_clip(2, 64, 96)
    eased, _ = ours(rife_engine(), clip, multiplier=4, easing="ease in", hold=2)
    assert torch.equal(eased[0], eased[1])
    assert torch.equal(eased[2], eased[3])
    chart, _ = ours(rife_engine(), clip, "times", times="1/4 1/2 3/4")
    straight, _ = ours(rife_engine(), clip, multiplier=4)
    assert torch.equal(chart, straight)
    assert not torch.equal(eased[2], straight[2])


def test_refining_makes_a_frame_of_those_beside_it():
    from comfyui_inbetween.host.interpolation.run import refine

    clip = moving_clip(5, 64, 96)
    for engine in (rife_engine(), film_engine()):
        frames, report = refine(clip, {"which": "list", "frames": "1"}, engine)
        expected, _ = ours(engine, clip[[0, 2]], multiplier=2)
        assert torch.equal(frames[1], expected[1])
        assert torch.equal(frames[[0, 2, 3, 4]], clip[[0, 2, 3, 4]])
        three, _ = refine(clip, {"which": "list", "frames": "1-3"}, engine)
        expected, _ = ours(engine, clip[[0, 4]], multiplier=4)
        torch.testing.assert_close(three, expected, rtol=0, atol=2e-6)
        assert report.text().startswith(f"{engine.name}: 1 of 5 frames rebuilt.")


@pytest.mark.parametrize(
    ("engine", "sizes", "message"),
    [
        (
            rife_engine,
            (32, 64),
            "the images are 64x32 but RIFE needs at least 33x33; scale them up to 64x33 or more.",
        ),
        (
            film_engine,
            (80, 63),
            "the images are 63x80 but FILM needs at least 64x64; scale them up to 64x80 or more.",
        ),
    ],
)
def test_frames_that_are_too_small_are_told_before_any_work(engine, sizes, message):
    with pytest.raises(ValueError) as told:  # noqa: PT011
        ours(engine(), moving_clip(2, *sizes), multiplier=2)
    assert str(told.value) == message


def test_the_smallest_sizes_run():
    assert ours(rife_engine(), moving_clip(2, 33, 33), multiplier=2)[0].isfinite().all()
    assert ours(film_engine(), moving_clip(2, 64, 64), multiplier=2)[0].isfinite().all()


def test_features_of_a_frame_are_found_once():
    """As the host does it, from pair to pair."""
    for network, engine_of in ((small_rife(), rife_of), (small_film(), film_of)):
        found = []
        network.extract_features = lambda frame, found=found, original=network.extract_features: (
            found.append(frame) or original(frame)
        )
        ours(engine_of(network), moving_clip(4, 64, 64), multiplier=2)
        assert len(found) == 4


def test_the_host_knows_of_the_weights():
    """They are loaded through its memory management, with room for a frame."""
    import comfy.model_management as model_management

    model_management.unload_all_models()
    engine = rife_engine()
    ours(engine, moving_clip(2, 64, 64), multiplier=2)
    assert {type(each.model.model).__name__ for each in model_management.current_loaded_models} == {"IFNet"}


def test_settings_of_other_engines_are_passed_over():
    from comfyui_inbetween.core.timing.moments import Instant
    from comfyui_inbetween.host.interpolation.run import interpolate

    clip, half = moving_clip(2, 64, 64), [Instant(0, Fraction(1, 2))]
    plain, _ = interpolate(clip, half, rife_engine())
    given = {"temperature": -5.0, "seed": 9, "primary_frame": "none of them"}
    assert torch.equal(interpolate(clip, half, rife_engine(), given)[0], plain)


# The published RIFE, where there is one


@pytest.fixture
def real_rife(host, tmp_path):
    """The engine of a published file named by the environment variable."""
    import folder_paths
    from comfyui_inbetween.host.interpolation.engines import load_interpolator

    given = os.environ.get(REAL_RIFE)
    if given is None:
        pytest.skip(f"no published RIFE: name a file of RIFE 4.25 or 4.26 in {REAL_RIFE}")
    copy = shutil.copy(given, tmp_path / f"published{Path(given).suffix}")  # no other file has its name
    folder_paths.add_model_folder_path("frame_interpolation", str(tmp_path))
    folder_paths.filename_list_cache.pop("frame_interpolation", None)
    return load_interpolator(copy.name)


@pytest.mark.parametrize("multiplier", [2, 4])
def test_published_rife_makes_the_hosts_frames_and_good_ones(real_rife, multiplier):
    """A camera that moves over a picture, 3 pixels a frame."""
    with Image.open(SAMPLE_INPUTS / "bunny_1.jpg") as image:
        picture_HWC = torch.from_numpy(np.asarray(image.convert("RGB"), dtype=np.float32) / 255)
    whole = torch.stack([picture_HWC[40:232, 40 + 3 * frame : 296 + 3 * frame] for frame in range(13)])
    clip = whole[::multiplier]
    frames, report = ours(real_rife, clip, multiplier=multiplier)
    torch.testing.assert_close(frames, theirs(real_rife, clip, multiplier), rtol=0, atol=1e-5)
    faded = torch.cat(
        [torch.lerp(*pair, part / multiplier)[None] for pair in pairwise(clip) for part in range(multiplier)]
    )
    errors = [(made - whole[:12]).square().mean() for made in (frames[:12], faded)]
    assert errors[0] < 0.1 * errors[1]
    assert report.engine == "RIFE"


@pytest.mark.parametrize("engine", [rife_engine, film_engine])
def test_lights_above_one_stay_bright_and_other_frames_are_as_ever(engine):
    clip = 0.5 * moving_clip(2, 64, 96)
    clip[:, 20:50, 30:70] = 8.0
    frames, _ = ours(engine(), clip, multiplier=2)
    assert torch.equal(frames[::2], clip)
    assert frames[1].isfinite().all()
    assert frames[1].max() > 2
