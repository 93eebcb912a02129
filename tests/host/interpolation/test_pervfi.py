"""PerVFI and RAFT from the host's folders: what is loaded, where it goes, what errors say."""

import pytest
import torch
from example_values import moving_clip


@pytest.fixture
def pervfi(tiny_models):
    """The module under test, with files in the folders."""
    from comfyui_inbetween.host.interpolation import pervfi

    return pervfi


def interpolated(engine, clip, multiplier=2):
    from comfyui_inbetween.core.timing.moments import locate, moments_by_multiplier
    from comfyui_inbetween.host.interpolation.run import interpolate

    instants = locate(moments_by_multiplier(len(clip), multiplier), range(len(clip)))
    with torch.inference_mode():
        return interpolate(clip, instants, engine)


@pytest.mark.parametrize("variant", ["v00", "vb"])
def test_files_are_found_and_run(pervfi, variant):
    frames, report = interpolated(pervfi.load_pervfi(f"{variant}.pth"), moving_clip(3))
    assert frames.shape == (5, 48, 64, 3)
    assert torch.equal(frames[::2], moving_clip(3))
    assert frames[1].std() > 1e-3
    assert report.text() == f"PerVFI {variant} with weight-free flow: 5 frames from 3."


def test_raft_of_either_layout_gives_the_same_frames(pervfi):
    made = [
        interpolated(pervfi.load_pervfi("vb.pth", pervfi.load_optical_flow(file)), moving_clip(2))
        for file in ("raft_large.pth", "raft-sintel.pth")
    ]
    assert torch.equal(made[0][0], made[1][0])
    assert made[0][1].engine == "PerVFI vb with RAFT flow"
    assert not torch.equal(made[0][0], interpolated(pervfi.load_pervfi("vb.pth"), moving_clip(2))[0])


def test_the_hosts_own_loader_serves_as_well(pervfi):
    from comfy_extras.nodes_void import OpticalFlowLoader

    theirs = OpticalFlowLoader.execute("raft_large.pth").result[0]
    frames, _ = interpolated(pervfi.load_pervfi("vb.pth", theirs), moving_clip(2))
    ours = pervfi.load_optical_flow("raft_large.pth")
    assert torch.equal(frames, interpolated(pervfi.load_pervfi("vb.pth", ours), moving_clip(2))[0])


def test_the_host_knows_of_the_weights(pervfi):
    """They are loaded through its memory management, which can take them off the device again."""
    import comfy.model_management as model_management

    model_management.unload_all_models()
    engine = pervfi.load_pervfi("vb.pth", pervfi.load_optical_flow("raft_large.pth"))
    interpolated(engine, moving_clip(2))
    loaded = {type(each.model.model).__name__ for each in model_management.current_loaded_models}
    assert loaded == {"PerVFI", "RAFT"}


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (
            lambda module: module.load_pervfi("none.pth"),
            'there is no "none.pth" in models/frame_interpolation; put v00',
        ),
        (
            lambda module: module.load_optical_flow("none.pth"),
            'there is no "none.pth" in models/optical_flow; put https',
        ),
        (
            lambda module: module.load_pervfi("vb.pth", object()),
            "optical_flow is object; connect RAFT from Load Optical",
        ),
    ],
)
def test_what_is_missing_is_told(pervfi, load, message):
    with pytest.raises(ValueError, match=message) as told:
        load(pervfi)
    assert "\n" not in str(told.value)


def test_a_model_in_the_wrong_folder_is_called_by_its_name(pervfi, tiny_models):
    import shutil

    shutil.copy(tiny_models / "optical_flow" / "raft_large.pth", tiny_models / "frame_interpolation" / "wrong.pth")
    try:
        with pytest.raises(ValueError, match=r"wrong\.pth is RAFT, an optical flow model; use a PerVFI file"):
            pervfi.load_pervfi("wrong.pth")
    finally:
        (tiny_models / "frame_interpolation" / "wrong.pth").unlink()


def test_the_network_is_shown_values_in_range_and_gives_back_those_of_the_clip(pervfi):
    engine, clip = pervfi.load_pervfi("vb.pth"), moving_clip(2)
    bright = 9 * clip
    inside, _ = interpolated(engine, clip)
    outside, _ = interpolated(engine, bright)
    assert torch.equal(outside[::2], bright)
    assert outside[1].isfinite().all()
    assert inside[1].max() <= 1 < outside[1].max() <= bright.max() + 1e-3
