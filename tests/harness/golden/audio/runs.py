"""Running a tiny Wan that hears, in the host of this process. `boot_host` comes first."""

from functools import cache

import comfy.model_management as model_management
import comfy.model_patcher
import comfy.ops
import comfy.samplers
import comfy.sd
import torch
from comfy.ldm.wan.model import WanModel
from comfyui_inbetween.core.sound.timing import span_of_clip
from comfyui_inbetween.host.clip_images import as_clip_output
from comfyui_inbetween.host.sound.branch import AudioBranch
from comfyui_inbetween.networks.sound import read_adapter
from comfyui_inbetween.networks.sound.evaluation import BranchSettings, frame_ids
from golden.audio.cases import FRAMES, GOLDEN_SIZES, LATENT_FRAMES, features, network_inputs, other_text
from golden.audio.weights import golden_wan_sizes, write_adapter
from golden.semfi.weights import seeded_wan

import nodes

NAME = "inbetween_audio_1"


@cache
def _wan_weights():
    model = WanModel(model_type="i2v", **golden_wan_sizes(), device="meta", operations=comfy.ops.disable_weight_init)
    return seeded_wan({name: tuple(tensor.shape) for name, tensor in model.state_dict().items()})


def load_wan():
    """The tiny Wan that the stored outputs are of."""
    with torch.no_grad():
        return comfy.sd.load_diffusion_model_state_dict(dict(_wan_weights()))


def load_adapter(folder, layout, **sizes):
    """An adapter for it, from a file, as a model patch of the host's."""
    path = write_adapter(folder / f"{layout}.safetensors", layout, **(sizes or GOLDEN_SIZES))
    return comfy.model_patcher.CoreModelPatcher(
        read_adapter(path, operations=comfy.ops.manual_cast),
        load_device=model_management.get_torch_device(),
        offload_device=model_management.unet_offload_device(),
    )


def heard_features(layout, patch, given=None):
    """What each latent frame hears of the stored features, or of others."""
    fps = 23 if layout == "fantasy_talking" else 25
    known = features("stable_avatar" if layout == "bbf" else layout) if given is None else given
    return patch.model.config.windows.cut(known, span_of_clip(FRAMES, fps))


def listening_model(model, patch, windows, name=NAME, **how):
    """A clone of the model that hears."""
    patched = model.clone()
    AudioBranch(name, patch, BranchSettings(windows, **how)).attach(patched)
    return patched


def rows(count):
    """The stored inputs of the network, the same for each of several rows."""
    given = network_inputs()
    repeated = {name: torch.cat([tensor] * count) for name, tensor in given.items()}
    return torch.cat([repeated["x"], repeated["y"]], dim=1), repeated


def output_of(patched, sounds=(True,), texts=None, prepare=None, names=(NAME,), **more):
    """What the network makes of the stored inputs, one row for each of `sounds`: True, False, or None for no ids.

    prepare: is given the network, and yields handles of hooks that it has put on.
    """
    x, given = rows(len(sounds))
    context = given["context"] if texts is None else torch.cat(texts)
    ids = {}
    if None not in sounds:
        ids = dict.fromkeys(names, torch.cat([frame_ids(LATENT_FRAMES, sound) for sound in sounds]))
    with torch.inference_mode(), loaded(patched):
        options = {"wrappers": patched.wrappers, **patched.model_options["transformer_options"]}
        network = patched.model.diffusion_model
        handles = list(prepare(network)) if prepare else []
        try:
            return network(x, given["timestep"], context, given["clip_feature"], None, options, **ids, **more)
        finally:
            for handle in handles:
                handle.remove()


class loaded:  # noqa: N801 - read like a function
    """The model with all that belongs to it where it runs, as during sampling."""

    def __init__(self, patched):
        self._patched = patched

    def __enter__(self):
        model_management.load_models_gpu([self._patched, *self._patched.get_nested_additional_models()])
        self._patched.inject_model()
        return self._patched.model.diffusion_model

    def __exit__(self, *_):
        self._patched.eject_model()


def added_in_block(patched, *, number=0, **more):
    """What goes into the output layer of a block's cross-attention, less what would go in without sound."""
    seen = []

    def look(network):
        for first in (True, False):
            output = network.blocks[number].cross_attn.o
            yield output.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()), prepend=first)

    output_of(patched, prepare=look, **more)
    return seen[1] - seen[0]


def conditioning(text, sound=None, name=NAME, latent_frames=LATENT_FRAMES):
    """Conditioning of the host from the stored inputs, with frame ids if `sound` is given."""
    import comfy.conds

    given = network_inputs()
    y = given["y"]
    if latent_frames != LATENT_FRAMES:
        y = y.repeat(1, 1, -(-latent_frames // LATENT_FRAMES), 1, 1)[:, :, :latent_frames]
    values = {
        "concat_latent_image": y[:, 4:],
        "concat_mask": (y[:, :4] > 0).float(),
        "clip_vision_output": as_clip_output(given["clip_feature"]),
    }
    if sound is not None:
        values["model_conds"] = {name: comfy.conds.CONDRegular(frame_ids(latent_frames, sound))}
    return [[text, values]]


def sampled(patched, positive, negative, steps=2, latent_frames=LATENT_FRAMES):
    """A latent from the host's KSampler."""
    latent = {"samples": torch.zeros(1, 16, latent_frames, 4, 4)}
    with torch.inference_mode():
        sample = nodes.KSampler().sample
        return sample(patched, 1, steps, 4.0, "euler", "simple", positive, negative, latent, 1.0)[0]["samples"]


def texts():
    """The stored prompt, and the negative one."""
    return network_inputs()["context"], other_text()
