"""
Real inputs for every node, for the tests that run on all nodes.

To add a node, add it to `EXAMPLES` with a function that yields arguments for one `execute` after another, so that every
option of the node is used once.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction

import sound_examples
import torch
from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet, keyframes_of
from comfyui_inbetween.core.wan.lora_mixture import LoraMixture
from comfyui_inbetween.networks.interpolation.pervfi.settings import PRIMARY_FRAMES
from example_engines import film_engine, flow_engine, patcher, pervfi_engine, rife_engine
from example_values import (
    Arguments,
    keyframes,
    moving_clip,
    small_ends,
    small_keyframes,
    small_wan,
    speech,
    sprite_clip,
    wan_parts,
)
from raft_weights import seeded_raft
from random_weights import numbers
from video_examples import video_examples


def _keyframes_node() -> Iterator[Arguments]:
    common = {"frame_rule": "any", "width": 0, "height": 0, "multiple_of": 1, "positions": ""}
    images = {"image0": moving_clip(2), "image1": moving_clip(1)}
    yield {**common, "images": images, "frame_count": 9, "fit": "crop"}
    sizes = {"image0": moving_clip(1), "image1": moving_clip(1, 60, 60)}
    yield {**common, "images": sizes, "frame_count": 9, "fit": "pad", "multiple_of": 16, "positions": "0:0.5, -3"}
    yield {
        **common,
        "images": sizes,
        "frame_count": 9,
        "fit": "stretch",
        "frame_rule": "4n+1",
        "width": 32,
        "height": 32,
    }
    one = {"image0": moving_clip(1)}
    yield {**common, "images": one, "frame_count": 9, "fit": "off", "loop": True}
    sprites = {"image0": sprite_clip(2), "image1": moving_clip(1, 60, 60)}
    yield {**common, "images": sprites, "frame_count": 9, "fit": "pad"}
    apart = {"images": images, "transparency": 1 - sprite_clip(3)[..., 3]}
    yield {**common, **apart, "frame_count": 9, "fit": "crop", "width": 32}


def _frame_count() -> Iterator[Arguments]:
    audio = {"waveform": torch.randn(1, 2, 16000), "sample_rate": 16000}
    for duration in ({"duration": "seconds", "seconds": 2.5}, {"duration": "audio", "audio": audio}):
        yield {"duration": duration, "fps": 24.0, "frame_rule": "4n+1", "rounding": "nearest"}


def _optical_flow_loader() -> Iterator[Arguments]:
    yield {"file": "raft_large.pth"}


def _interpolator_loader() -> Iterator[Arguments]:
    from comfyui_inbetween.host.interpolation.engines import interpolator_names
    from comfyui_inbetween.networks.flow import raft

    for name in interpolator_names():
        yield {"interpolator": name}
    yield {"interpolator": "vb.pth", "optical_flow": patcher(raft.build(seeded_raft()))}


def _interpolate() -> Iterator[Arguments]:
    linear = {"easing": "linear"}
    common = {"interpolator": flow_engine(), "hold": 2}
    yield {**common, "frames": keyframes(), "fps": 12.5, "timing": {"timing": "as keyframed"}, "easing": linear}
    for timing, easing in (
        ({"timing": "multiplier", "multiplier": 3}, {"easing": "ease in", "ease_over": "whole length"}),
        ({"timing": "frame count", "frame_count": 8}, {"easing": "ease out", "ease_over": "each gap"}),
        ({"timing": "frame rate", "source_fps": 24.0, "target_fps": 60.0}, linear),
        ({"timing": "times", "times": "0.5, 0.75"}, {"easing": "ease in and out", "ease_over": "each gap"}),
        ({"timing": "speed ramp", "speeds": "0-1: 1/2"}, linear),
        (
            {"timing": "multiplier", "multiplier": 2},
            {"easing": "bezier", "curve": "0.1, 0, 0.9, 1", "ease_over": "each gap"},
        ),
    ):
        yield {**common, "frames": moving_clip(3), "timing": timing, "easing": easing}
    halves = {"timing": {"timing": "multiplier", "multiplier": 2}, "easing": linear}
    for choice, shown in (
        ("keep", [0, 0, 1, 1, 2, 2]),
        ("keep time", [0, 0, 1, 1, 2, 2]),
        ("spread", [0, 1, 2, 2, 3, 4]),
        ("undo 3:2 pulldown", [0, 1, 2, 3, 3, 4, 5, 6, 7, 7, 8, 9, 10, 11, 11, 12]),
    ):
        yield {**common, **halves, "frames": moving_clip(13)[shown], "copies": choice}
    shots = torch.cat([moving_clip(2), 1 - moving_clip(2).transpose(1, 2).repeat(1, 1, 2, 1)[:, :48, :64]])
    for at_cut in ("hold", "cross-fade", "carry on"):
        cuts = {"cut_threshold": 0.3, "cuts": "2", "at_cut": at_cut}
        yield {**common, "frames": shots, "timing": {"timing": "multiplier", "multiplier": 3}, "easing": linear, **cuts}
    yield {**common, **halves, "frames": moving_clip(2), "speed": "fast"}
    small = moving_clip(2, 32, 40)
    twice = {"frames": small, "timing": {"timing": "multiplier", "multiplier": 4}, "easing": linear}
    pervfi = pervfi_engine("v00")
    for method, primary_frame in (("recursive", "first"), ("direct", "nearer"), ("direct", "both")):
        settings = {"temperature": 0.5, "seed": 5, "primary_frame": primary_frame}
        yield {"interpolator": pervfi, **twice, "method": method, **settings}
    seen = moving_clip(2, 70, 90)
    for engine in (rife_engine(), film_engine()):
        yield {"interpolator": engine, **twice, "frames": seen}
    sprites = sprite_clip(3)
    yield {**common, **halves, "frames": sprites}
    yield {**common, **halves, "frames": sprites[..., :3], "transparency": 1 - sprites[..., 3]}
    yield {"interpolator": rife_engine(), **halves, "frames": sprite_clip(2, 70, 90)}


def _refine() -> Iterator[Arguments]:
    common = {"images": moving_clip(5), "strength": 0.5}
    for which in (
        {"which": "every other", "passes": 2},
        {"which": "list", "frames": "1, 2"},
        {"which": "worst", "score": "flicker", "count": 2},
        {"which": "worst", "score": "blur", "count": 2},
        {"which": "worst", "score": "ghost", "count": 2},
        {"which": "worst", "score": "missing", "count": 2},
    ):
        yield {**common, "interpolator": flow_engine(), "which": which}
    sprites, ghosts = sprite_clip(5), {"which": "worst", "score": "ghost", "count": 2}
    apart = {"images": sprites[..., :3], "transparency": 1 - sprites[..., 3]}
    for clip in ({"images": sprites}, apart):
        yield {**common, **clip, "interpolator": flow_engine(), "which": ghosts}
    first, second, third = moving_clip(3, 32, 40)
    kept = KeyframeSet(5, (Keyframe(0, first), Keyframe(3, second), Keyframe(4, third)))
    with_keyframes = {"images": moving_clip(5, 32, 40), "keyframes": kept, "which": {"which": "list", "frames": "1-3"}}
    pervfi = pervfi_engine()
    for primary_frame in PRIMARY_FRAMES:
        settings = {"temperature": 0.5, "seed": 5, "primary_frame": primary_frame}
        yield {**common, **with_keyframes, "interpolator": pervfi, **settings}
    for engine in (rife_engine(), film_engine()):
        three = {"which": "list", "frames": "1-3"}
        yield {**common, "images": moving_clip(5, 70, 90), "interpolator": engine, "which": three}


def _finish() -> Iterator[Arguments]:
    for put_back in (
        {"put_back": "replace"},
        {"put_back": "replace and blend", "blend_frames": 2},
        {"put_back": "off"},
    ):
        yield {"images": moving_clip(10), "keyframes": keyframes(), "put_back": put_back}
    first, middle, _ = moving_clip(3)
    looped = KeyframeSet(9, (Keyframe(0, first), Keyframe(4, middle), Keyframe(8, first)))
    options = {"put_back": {"put_back": "replace"}, "match_colour": True, "loop": True}
    yield {"images": moving_clip(9), "keyframes": looped, **options}
    sprites, blend = sprite_clip(9), {"put_back": {"put_back": "replace and blend", "blend_frames": 2}}
    keys = keyframes_of(list(sprite_clip(3)), "0, 4, 8", 9)
    yield {"images": sprites, "keyframes": keys, "match_colour": True, **blend}
    yield {"images": sprites[..., :3], "transparency": 1 - sprites[..., 3], "keyframes": keys, **blend}


def _join() -> Iterator[Arguments]:
    from comfy_api.latest import InputImpl, Types

    clips = {"clip0": moving_clip(5), "clip1": 0.9 * moving_clip(6), "clip2": moving_clip(4)}
    for seam, match_colour in (
        ("cut", {"match_colour": "fade out", "fade_frames": 2}),
        ("cross-fade", {"match_colour": "carry on"}),
        ("cut", {"match_colour": "off"}),
    ):
        yield {"clips": clips, "overlap": 2, "seam": seam, "match_colour": match_colour, "fps": 24.0}
    video = InputImpl.VideoFromComponents(Types.VideoComponents(moving_clip(4), Fraction(30000, 1001)))
    mixed = {"clip0": moving_clip(5), "clip1": video}
    yield {"clips": mixed, "overlap": 0, "seam": "cut", "match_colour": {"match_colour": "off"}, "fps": 24.0}


def _contact_sheet() -> Iterator[Arguments]:
    common = {"images": moving_clip(9), "columns": 0, "thumbnail_width": 32, "most_frames": 5}
    yield {**common, "keyframes": keyframes()}
    yield common
    yield {**common, "images": sprite_clip(9)}
    yield {**common, "transparency": 1 - sprite_clip(9)[..., 3]}


def _motion_plot() -> Iterator[Arguments]:
    common = {"images": moving_clip(9), "width": 640, "height": 400}
    yield {**common, "keyframes": keyframes()}
    yield common


def _flow_view() -> Iterator[Arguments]:
    for legend in (True, False):
        yield {"images": moving_clip(3), "longest": 0.0, "legend": legend}


def _wan_conditioning() -> Iterator[Arguments]:
    from comfyui_inbetween.host.clip_images import CLIP_IMAGES

    text = [[torch.zeros(1, 8, 4096), {}]]
    common = {"positive": text, "negative": text, "keyframes": small_keyframes(), **wan_parts()}
    common |= {"other_lengths": "refuse", "batch_size": 1}
    for mode in CLIP_IMAGES:
        shown = {"clip_images": mode, "end_share": 0.3} if mode == "blend" else {"clip_images": mode}
        yield {**common, "model": small_wan("wan_i2v"), "clip_images": shown, "low_noise_strength": 1.0}
    yield {**common, "model": small_wan(), "clip_images": {"clip_images": "auto"}, "low_noise_strength": 0.2}


def _lora_mixture_loader() -> Iterator[Arguments]:
    yield {"file": "semfi.ckpt"}


def _lora_mixture_add() -> Iterator[Arguments]:
    yield {"file": "wan_lora.safetensors", "role": {"role": "expert", "trained_frames": 25}}
    yield {"file": "wan_lora.safetensors", "role": {"role": "universal"}, "mixture": LoraMixture()}


def _lora_mixture() -> Iterator[Arguments]:
    from comfyui_inbetween.host.wan.lora_library import load_mixture

    common = {"model": small_wan("wan_i2v"), "mixture": load_mixture("semfi.ckpt"), "frame_count": 41}
    common |= {"strength_universal": 0.5, "strength_expert": 1.5}
    for expert, method in (
        ({"expert": "nearest"}, "auto"),
        ({"expert": "two nearest"}, "merge"),
        ({"expert": "fixed", "trained_frames": 9}, "bypass"),
    ):
        yield {**common, "expert": expert, "method": method}
    yield {**common, "expert": {"expert": "nearest"}, "method": "auto", "keyframes": small_keyframes()}


def _segment() -> Iterator[Arguments]:
    first = {"keyframes": small_keyframes(), "segment": 1, "context_frames": 1}
    for cut in ({"cut": "longest", "longest_segment": 81}, {"cut": "every keyframe"}):
        yield {**first, "cut": cut}
    later = {"keyframes": small_keyframes(), "segment": 2, "cut": {"cut": "every keyframe"}}
    yield {**later, "context_frames": 5, "before": moving_clip(5, 32, 48)}


def _segments() -> Iterator[Arguments]:
    from tiny_encoders import tiny_umt5

    common = {"model": small_wan(), "clip": tiny_umt5(), "keyframes": small_keyframes(), "negative": "", **wan_parts()}
    common |= {"context_frames": 1, "seed": 1, "own_seeds": "1: 7", "steps": 2, "cfg": 1.0, "sampler_name": "euler"}
    common |= {"scheduler": "simple", "other_lengths": "refuse", "low_noise_strength": 0.5, "match_colour": True}
    shown = {"clip_images": "auto"}
    yield {**common, "prompts": "a", "cut": {"cut": "longest", "longest_segment": 9}, "clip_images": shown}
    second = {"model_low": small_wan(), "high_noise_steps": 1, "mixture": LoraMixture(), "mixture_low": LoraMixture()}
    for mode in ("sum", "blend", "concatenate", "concatenate all", "start", "none"):
        shown = {"clip_images": mode, "end_share": 0.3} if mode == "blend" else {"clip_images": mode}
        yield {**common, **second, "prompts": "a\nb", "cut": {"cut": "every keyframe"}, "clip_images": shown}


def _svd_parts() -> Arguments:
    from comfy_extras.nodes_video_model import ImageOnlyCheckpointLoader
    from tiny_encoders import tiny_clip_vision

    model, _, vae = ImageOnlyCheckpointLoader().load_checkpoint("svd_xt.safetensors")
    return {"model": model, "vae": vae, "clip_vision": tiny_clip_vision()}


def _reverse_motion_loader() -> Iterator[Arguments]:
    tuned = "svd_reverse/unet/diffusion_pytorch_model.safetensors"
    yield {"source": {"source": "tuned UNet and its base", "tuned": tuned, "base": "svd.safetensors"}}
    yield {"source": {"source": "change alone", "file": "svd_reverse.safetensors"}}


PICTURES = (
    {"preparation": "as published", "clip_image": "squash"},
    {"preparation": "as published", "clip_image": "crop"},
    {"preparation": "as SVD_img2vid_Conditioning"},
)
IDS = {"motion_bucket": 127, "fps": 7, "noise_augmentation": 0.02, "augmentation_seed": 1}
FUSIONS = (
    {"fusion": "average", "cfg": 2.0},
    {"fusion": "linear by frame", "first_cfg": 1.0, "last_cfg": 3.0},
)


def _svd_conditioning() -> Iterator[Arguments]:
    encoders = {name: part for name, part in _svd_parts().items() if name != "model"}
    for preparation in PICTURES:
        yield {**encoders, **IDS, "keyframes": small_ends(), "preparation": preparation}


def _dual_direction_guider() -> Iterator[Arguments]:
    from comfyui_inbetween.host.svd.dual_direction import MEMORY, METHODS
    from comfyui_inbetween.host.svd.reverse_motion_library import load_change

    values = {"motion_bucket_id": 127, "fps": 7, "augmentation_level": 0.02}
    ends = [
        [[numbers(end, (1, 1, 1024)), {**values, "concat_latent_image": numbers(end, (1, 4, 4, 6))}]] for end in "ab"
    ]
    common = {"model": _svd_parts()["model"], "start": ends[0], "end": ends[1]}
    for method in METHODS:
        motion = {"reverse_motion": load_change("svd_reverse.safetensors")} if method == METHODS[0] else {}
        yield {**common, **motion, "method": method, "fusion": FUSIONS[0], "memory": "auto"}
    for memory in MEMORY[1:]:
        yield {**common, "method": METHODS[1], "fusion": FUSIONS[1], "memory": memory}


def _renoise_sampler() -> Iterator[Arguments]:
    yield {"repeats": 5, "ratio": 0.5}


def _video_decode() -> Iterator[Arguments]:
    yield {"samples": {"samples": numbers("latent", (5, 4, 4, 6))}, "vae": _svd_parts()["vae"], "frames_per_chunk": 2}


def _svd_segments() -> Iterator[Arguments]:
    from comfyui_inbetween.host.svd.dual_direction import MEMORY, METHODS
    from comfyui_inbetween.host.svd.reverse_motion_library import load_change

    common = {**_svd_parts(), **IDS, "keyframes": small_keyframes(), "seed": 1, "own_seeds": "2: 7", "steps": 2}
    common |= {"repeats": 1, "ratio": 0.5, "frames_per_chunk": 2, "match_colour": True}
    motion = load_change("svd_reverse.safetensors")
    for number, method in enumerate(METHODS):
        chosen = {"preparation": PICTURES[number % 3], "fusion": FUSIONS[number % 2], "memory": MEMORY[number % 3]}
        yield {**common, **chosen, "method": method, "reverse_motion": motion}


def _clip_context() -> Iterator[Arguments]:
    common = {"fps": 8.0, "context_frames": 1, "caption_frames": 5, "caption_size": 64, "audio_context": 0.5}
    two = {"clip_before": moving_clip(8, 48, 80), "clip_after": moving_clip(9, 48, 80)}
    clip = {"clip": moving_clip(24, 48, 80)}
    whole, times = {"audio": speech(3.0)}, {"from_seconds": 1.0, "to_seconds": 2.0}
    for gap, sound, rule in (
        ({"gap": "frames between two clips", **two, "frames": 7}, {"sound": "of the whole", **whole}, "4n+1"),
        ({"gap": "seconds between two clips", **two, "seconds": 1.0}, {"sound": "part of it", **whole, **times}, "any"),
        ({"gap": "frames of one clip", **clip, "first": 8, "end": 15}, {"sound": "of the gap", **whole}, "any"),
        ({"gap": "seconds of one clip", **clip, **times}, {"sound": "none"}, "4n+1"),
    ):
        yield {**common, "gap": gap, "sound": sound, "frame_rule": rule}


def _advise() -> Iterator[Arguments]:
    for has_sound in (False, True):
        yield {"keyframes": keyframes(), "has_sound": has_sound, "gpu_memory": 12.0}


EXAMPLES: dict[str, Callable[[], Iterator[Arguments]]] = {
    "InbetweenAdvise": _advise,
    "InbetweenKeyframes": _keyframes_node,
    "InbetweenFrameCount": _frame_count,
    "InbetweenWanConditioning": _wan_conditioning,
    "InbetweenLoraMixtureLoader": _lora_mixture_loader,
    "InbetweenLoraMixtureAdd": _lora_mixture_add,
    "InbetweenLoraMixture": _lora_mixture,
    "InbetweenSegments": _segments,
    "InbetweenSegment": _segment,
    "InbetweenAudioAdapterLoader": sound_examples.audio_adapter_loader,
    "InbetweenAudioAdapter": sound_examples.audio_adapter,
    "InbetweenClipContext": _clip_context,
    "InbetweenAudioView": sound_examples.audio_view,
    "InbetweenReverseMotionLoader": _reverse_motion_loader,
    "InbetweenSVDConditioning": _svd_conditioning,
    "InbetweenDualDirectionGuider": _dual_direction_guider,
    "InbetweenRenoiseSampler": _renoise_sampler,
    "InbetweenVideoDecode": _video_decode,
    "InbetweenSVDSegments": _svd_segments,
    "InbetweenOpticalFlowLoader": _optical_flow_loader,
    "InbetweenInterpolatorLoader": _interpolator_loader,
    "InbetweenInterpolate": _interpolate,
    "InbetweenVideo": video_examples,
    "InbetweenRefine": _refine,
    "InbetweenFinish": _finish,
    "InbetweenJoin": _join,
    "InbetweenContactSheet": _contact_sheet,
    "InbetweenMotionPlot": _motion_plot,
    "InbetweenFlowView": _flow_view,
}
