"""Running the tiny Wan in the host of this process. `boot_host` comes first, and the tiny models."""

import comfy.model_management as model_management
import comfy.sd
import comfy.utils
import torch
from comfyui_inbetween.host.clip_images import as_clip_output
from comfyui_inbetween.host.wan.lora_mixture import MixtureSettings, apply_mixture
from golden.semfi.cases import network_inputs
from golden.semfi.weights import layer_names, seeded_wan, tiny_wan_shapes

import nodes


def load(name, dtype="default"):
    """A tiny model from its file, as Load Diffusion Model does."""
    return nodes.UNETLoader().load_unet(f"{name}.safetensors", dtype)[0]


def applied(model, mixture, frame_count, **settings):
    """The model with the nearest expert."""
    return apply_mixture(
        model, mixture, frame_count, ((mixture.nearest(frame_count), 1.0),), MixtureSettings(**settings)
    ).model


def load_scaled_fp8():
    """The seeded Wan with its large weights in 8 bits and a scale for each, as "fp8_scaled" files have them."""
    weights = {"scaled_fp8": torch.tensor([], dtype=torch.float8_e4m3fn)}
    for name, tensor in seeded_wan(tiny_wan_shapes()).items():
        if name.startswith("blocks.") and name.endswith(".weight") and tensor.ndim == 2:
            scale = tensor.abs().max() / torch.finfo(torch.float8_e4m3fn).max
            weights |= {name: (tensor / scale).to(torch.float8_e4m3fn), name[: -len("weight")] + "scale_weight": scale}
        else:
            weights[name] = tensor
    with torch.no_grad():
        return comfy.sd.load_diffusion_model_state_dict(weights)


def output_of(patcher, mode=torch.inference_mode):
    """What the network makes of the stored inputs, with everything that belongs to the patcher loaded as for a run."""
    given = network_inputs()
    with mode():
        model_management.load_models_gpu([patcher, *patcher.get_nested_additional_models()])
        x = torch.cat([given["x"], given["y"]], dim=1)
        return patcher.model.diffusion_model(x, given["timestep"], given["context"], clip_fea=given["clip_feature"])


def sampled(patcher, steps=2):
    """A latent from the host's KSampler, guided by the stored inputs."""
    given = network_inputs()
    values = {
        "concat_latent_image": given["y"][:, 4:],
        "concat_mask": (given["y"][:, :4] > 0).float(),
        "clip_vision_output": as_clip_output(given["clip_feature"]),
    }
    condition, latent = [[given["context"], values]], {"samples": torch.zeros(1, 16, 2, 4, 4)}
    with torch.inference_mode():
        sample = nodes.KSampler().sample
        return sample(patcher, 1, steps, 5.0, "euler", "simple", condition, condition, latent, 1.0)[0]["samples"]


def layers_of(patcher):
    """The linear layers that can have LoRAs, by name."""
    return {layer: comfy.utils.get_attr(patcher.model, f"diffusion_model.{layer}") for layer, _ in layer_names(2)}
