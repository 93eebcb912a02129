"""RGBA and MASK through the nodes: what comes in goes out, with the MASK of every frame."""

import pytest
import torch
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.keyframes.keyframe_set import check_opaque, keyframes_of
from drawn_sprites import decibels, sprite
from example_engines import flow_engine, rife_engine

LINEAR = {"easing": "linear"}
TWICE = {"timing": "multiplier", "multiplier": 2}


@pytest.fixture
def clip() -> torch.Tensor:
    return torch.stack([sprite(1, x, hidden=x) for x in (40, 60, 80)])


def interpolated(engine=None, **inputs):
    from comfyui_inbetween.nodes.interpolation.interpolate import InbetweenInterpolate

    with torch.inference_mode():
        return InbetweenInterpolate.execute(
            engine or flow_engine(), **{"timing": TWICE, "easing": LINEAR, **inputs}
        ).result


def keyframes(**inputs):
    from comfyui_inbetween.nodes.keyframes.keyframes import InbetweenKeyframes

    common = {"frame_count": 5, "fit": "off", "frame_rule": "any", "width": 0, "height": 0, "multiple_of": 1}
    return InbetweenKeyframes.execute(**common, **inputs).result[0]


def test_rgba_and_a_mask_give_the_same_frames(clip, host):
    rgba, _, _, mask, _ = interpolated(frames=clip)
    rgb, _, _, same_mask, _ = interpolated(frames=clip[..., :3], transparency=1 - clip[..., 3])
    assert rgba.shape == (5, 96, 160, 4)
    assert torch.equal(rgba[::2], clip)
    torch.testing.assert_close(rgb, rgba[..., :3], rtol=0, atol=1e-3)  # 1 - (1 - alpha) is rounded
    torch.testing.assert_close(mask, 1 - rgba[..., 3])
    torch.testing.assert_close(same_mask, mask, rtol=0, atol=1e-5)
    assert decibels(rgba[1], sprite(1, 50)) > 34


def test_rgb_stays_rgb(clip, host):
    frames, _, _, mask, _ = interpolated(frames=clip[..., :3])
    assert frames.shape[-1] == 3
    assert mask.shape == (5, 64, 64)
    assert not mask.any()


def test_keyframes_bring_their_alpha(clip, host):
    as_keyframed = {"timing": "as keyframed"}
    inside = interpolated(frames=keyframes(images={"image0": clip}), timing=as_keyframed)
    apart_keys = keyframes(images={"image0": clip[..., :3]}, transparency=1 - clip[..., 3])
    apart = interpolated(frames=apart_keys, timing=as_keyframed)
    assert inside[0].shape[-1] == 4
    torch.testing.assert_close(apart[0], inside[0][..., :3], rtol=0, atol=1e-3)
    torch.testing.assert_close(apart[3], 1 - inside[0][..., 3], rtol=0, atol=1e-5)
    with pytest.raises(InbetweenError, match="transparency belongs to a clip"):
        interpolated(frames=apart_keys, transparency=1 - clip[..., 3])


def test_a_network_of_rgb_carries_alpha_too(clip, host):
    frames, _, _, mask, _ = interpolated(rife_engine(), frames=clip[:2])
    assert frames.shape == (3, 96, 160, 4)
    assert torch.isfinite(frames).all()
    assert mask.shape == (3, 96, 160)


def test_refine_and_finish(clip, host):
    from comfyui_inbetween.nodes.clips.finish import InbetweenFinish
    from comfyui_inbetween.nodes.interpolation.refine import InbetweenRefine

    which = {"which": "list", "frames": "1"}
    mask = 1 - clip[..., 3]
    rgba, _, mask_of_rgba = InbetweenRefine.execute(flow_engine(), clip, which, 1.0).result
    rgb, _, same_mask = InbetweenRefine.execute(flow_engine(), clip[..., :3], which, 1.0, transparency=mask).result
    torch.testing.assert_close(rgb, rgba[..., :3], rtol=0, atol=1e-3)  # 1 - (1 - alpha) is rounded
    torch.testing.assert_close(same_mask, mask_of_rgba, rtol=0, atol=1e-5)
    assert decibels(rgba[1], clip[1]) > 34
    keys, back = keyframes_of([clip[0], clip[2]], "", 3), {"put_back": "replace"}
    rgba, _, mask_of_rgba = InbetweenFinish.execute(clip.flip(0), keys, back).result
    assert torch.equal(rgba[0], clip[0])
    rgb, _, same_mask = InbetweenFinish.execute(clip.flip(0)[..., :3], keys, back, transparency=mask.flip(0)).result
    assert rgb.shape[-1] == 3
    torch.testing.assert_close(same_mask, mask_of_rgba, rtol=0, atol=1e-5)


def test_images_are_scaled_without_a_fringe():
    """The hidden colours are green noise; only the sprite's flat red may come out."""
    image = sprite(2, 60, kind="soft", hidden=3)
    image[..., :3] = torch.where(image[..., 3:] > 0, torch.tensor([0.8, 0.1, 0.1]), image[..., :3])
    scaled = keyframes_of([image, image], "", 3, fit="stretch", width=100, height=60).pictures[0]
    torch.testing.assert_close(scaled[..., :3], torch.tensor([0.8, 0.1, 0.1]).expand(60, 100, 3), rtol=0, atol=0.01)
    padded = keyframes_of([image, image], "", 3, fit="pad", width=100, height=100).pictures[0]
    assert not padded[:15, :, 3].any()


def test_images_without_alpha_beside_images_with_it_are_opaque():
    keys = keyframes_of([sprite(1, 60), sprite(1, 80)[..., :3]], "", 3)
    assert keys.pictures[1].shape[-1] == 4
    assert (keys.pictures[1][..., 3] == 1).all()


def test_masks_of_images_of_several_sizes():
    images = [torch.rand(20, 30, 3), torch.rand(40, 60, 3)]
    opaque = torch.zeros(1, 64, 64)
    assert keyframes_of(images, "", 3, fit="stretch", transparency_THW=opaque).pictures[1][..., 3].min() > 0.999
    with pytest.raises(InbetweenError, match="transparency is 30x20 but the size of image 2 is 60x40"):
        keyframes_of(images, "", 3, fit="stretch", transparency_THW=torch.rand(1, 20, 30))


def test_video_models_refuse_alpha():
    with pytest.raises(InbetweenError, match="the keyframes have alpha but SVD creates opaque frames only") as error:
        check_opaque(keyframes_of([sprite(1, 60), sprite(1, 80)], "", 3), "SVD")
    assert "\n" not in str(error.value)


def test_a_contact_sheet_shows_a_chequerboard(clip):
    from comfyui_inbetween.core.views.contact_sheet import contact_sheet

    sheet = contact_sheet(clip, thumbnail_width=160, columns=3)
    assert sheet.shape[-1] == 3
    corner = sheet[0, 6:14, 6:22, 0]  # two squares of the first picture, in which nothing is seen
    assert corner.unique().numel() == 2
    same = contact_sheet(clip[..., :3], thumbnail_width=160, columns=3, transparency_THW=1 - clip[..., 3])
    torch.testing.assert_close(sheet, same, rtol=0, atol=1 / 255)
