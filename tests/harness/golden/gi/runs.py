"""Running the tiny SVD in the host of this process. `boot_host` comes first, and the tiny models."""

import comfy.samplers
import comfy.utils
import torch
from comfy.k_diffusion.sampling import get_sigmas_karras
from comfy_extras.nodes_custom_sampler import SamplerCustomAdvanced
from comfy_extras.nodes_video_model import ImageOnlyCheckpointLoader
from comfyui_inbetween.core.svd.reverse_motion import ReverseMotion
from comfyui_inbetween.host.svd.dual_direction import DirectionSettings, dual_direction_guider
from comfyui_inbetween.host.svd.renoise_sampler import RenoiseSampler
from comfyui_inbetween.host.svd.reverse_motion_library import load_change
from comfyui_inbetween.networks.svd.names import PREFIX, TEMPORAL_LAYERS
from comfyui_inbetween.samplers.svd.renoise import Renoising
from golden.gi.cases import FRAMES, RATIO, RUNS, STEPS, injected_noise, inputs

XT = "svd_xt"
SCALE = 0.18215  # of the host's latents
STORED, SMALL = (
    16,
    8,
)  # height and width of the stored cases' latents, and of those where only one way is held to another
WEIGHTED = {"fusion": "linear by frame", "first_cfg": 1.0, "last_cfg": 3.0}


def load(name: str = XT):
    """A tiny SVD from its file, as Image Only Checkpoint Loader gives it; it has no CLIP vision."""
    return ImageOnlyCheckpointLoader().load_checkpoint(f"{name}.safetensors")[0]


def load_vae(name: str = XT):
    """The VAE from the same file."""
    return ImageOnlyCheckpointLoader().load_checkpoint(f"{name}.safetensors")[2]


def reverse_motion() -> ReverseMotion:
    """What the tiny tuned network learned."""
    return load_change("svd_reverse.safetensors")


def ends(size: int = STORED):
    """Conditioning for the start and for the end of the stored cases, or of a corner of them."""
    given = inputs()
    values = {"motion_bucket_id": 127, "fps": 7, "augmentation_level": 0.02}
    return [
        [[given[f"{end} embedding"], {**values, "concat_latent_image": given[f"{end} latent"][..., :size, :size]}]]
        for end in ("start", "end")
    ]


def guider(model, motion="tiny", size: int = STORED, **settings):
    """The guider for the stored cases."""
    motion = reverse_motion() if motion == "tiny" else motion
    return dual_direction_guider(model, *ends(size), motion, DirectionSettings(**settings))


def small_guider(model, motion="tiny", **settings):
    """The guider for a corner of the stored cases: a quarter of the work."""
    return guider(model, motion, SMALL, **settings)


def sigmas(steps: int = STEPS) -> torch.Tensor:
    """The published noise levels, as the host's Karras scheduler makes them."""
    return get_sigmas_karras(steps, 0.002, 700.0, 7.0)


def layers_of(model):
    """The temporal self-attentions of a model, by name."""
    return {layer: comfy.utils.get_attr(model.model, PREFIX + layer) for layer in TEMPORAL_LAYERS}


def noisy(sigma: float, seed: int = 3, size: int = STORED) -> torch.Tensor:
    """Latents of the size of the stored cases at a noise level."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(FRAMES, 4, size, size, generator=generator) * (sigma**2 + 1) ** 0.5


def small_noisy(sigma: float) -> torch.Tensor:
    """Latents at a noise level for the small guider."""
    return noisy(sigma, size=SMALL)


def predicted(guided, x: torch.Tensor, sigma: float) -> torch.Tensor:
    """One evaluation of a guider, in the host's own way from `sample` on."""
    made = []

    class Once(comfy.samplers.Sampler):
        def sample(self, wrap, sigmas, extra_args, *args, **kwargs):
            here = x.to(sigmas.device)
            made.append(wrap(here, torch.full([len(x)], sigma, device=sigmas.device), **extra_args))
            return made[0]

    with torch.inference_mode():
        guided.sample(torch.zeros_like(x), torch.zeros_like(x), Once(), torch.tensor([sigma, 0.0]), seed=1)
    return made[0]


def plain(model, cfg: float = 2.0, size: int = SMALL):
    """The stock guider with the start of a corner of the stored cases."""
    start, _ = ends(size)
    ((embedding, values),) = start
    blank = {**values, "concat_latent_image": torch.zeros_like(values["concat_latent_image"])}
    guided = comfy.samplers.CFGGuider(model)
    guided.set_conds(start, [[torch.zeros_like(embedding), blank]])
    guided.set_cfg(cfg)
    return guided


class FixedNoise:
    """The first noise of the stored cases, or its corner for a smaller latent, as a NOISE of the host."""

    seed = 5

    def generate_noise(self, latent):
        height, width = latent["samples"].shape[-2:]
        return inputs()["noise"][..., :height, :width]


def sampled(guided, repeats: int = 2, ratio: float = RATIO, noise=None, steps: int = STEPS, size: int = SMALL):
    """What the host's Sampler Custom Advanced makes, in the scale of the network, and each prediction on the way."""
    seen = []
    sampler = RenoiseSampler(Renoising(repeats, ratio), noise)
    predict = guided.predict_noise

    def watched(*args, **kwargs):
        seen.append(predict(*args, **kwargs))
        return seen[-1]

    guided.predict_noise = watched
    empty = {"samples": torch.zeros(FRAMES, 4, size, size)}
    with torch.inference_mode():
        out = SamplerCustomAdvanced.execute(FixedNoise(), guided, sampler, sigmas(steps), empty)
    return out[0]["samples"] * SCALE, seen


def stored_run(model, name: str, **settings):
    """One of the stored cases."""
    settings = {**(WEIGHTED if name == "weighted" else {}), **settings}
    noise = lambda step, repeat, _: injected_noise(step, repeat)  # noqa: E731
    return sampled(guider(model, **settings), RUNS[name], noise=noise, size=STORED)


def euler():
    """The host's Euler sampler."""
    return comfy.samplers.sampler_object("euler")
