"""Generative Inbetweening on SVD: a comparison with the published procedure, and what settings cost.

Weights are random, which takes the same time. The network has a fifth of SVD's width and heads of the same size, so
attention and its maps have the same share of the memory. Floating-point operations are counted at full size. Spatial
attention is torch's, as in the host on GPUs. The host's attention for CPUs stores maps, which would hide the maps of
the temporal attention.
"""

import argparse
import warnings
from statistics import median
from typing import Any

import torch
from _harness import boot_host_as_on_gpus
from _run import peak_of_tensors, print_table, timed
from _svd_reference import PublishedProcedure
from golden.gi.weights import FULL_SIZES, changed_shapes, svd_shapes
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

NARROW = {**FULL_SIZES, "model_channels": 64}
FRAMES, HEIGHT, WIDTH = 25, 24, 40  # latents of 320x192
FULL_HEIGHT, FULL_WIDTH = 72, 128  # latents of 1024x576
SIGMA, SCALE = 3.0, 2.0
SETTINGS = [(50, 5), (50, 2), (50, 0), (25, 5), (25, 2), (25, 0)]
RATIO = 0.5
PUBLIC_SECONDS, PUBLIC_EVALUATIONS = 617, 175  # 10 min 17 s on an A100 with 80 GB; issue 10 of the authors' repository
WAYS = {
    "published": "published procedure: two networks, stored maps",
    "both directions at once": "Dual-Direction Guider, both directions at once",
    "one direction at a time": "Dual-Direction Guider, one direction at a time",
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="runs; the median counts (default: %(default)s)")
    parser.add_argument("--only", choices=("compared", "settings"))
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    warnings.simplefilter("ignore")
    boot_host_as_on_gpus()
    if options.only in (None, "compared"):
        print_compared(options.repeats)
    if options.only in (None, "settings"):
        print_settings()


# ------------------------------------------------------------------------------ comparison with the published procedure


def print_compared(repeats: int) -> None:
    """Print outputs, time, weights and peak memory of one evaluation, relative to the published procedure."""
    made, seconds, memory = {}, {way: [] for way in WAYS}, {}
    runs = {way: evaluation(way) for way in WAYS}
    for way, run in runs.items():
        made[way] = run()  # also the warm-up, which is not timed
    for way in list(WAYS) * repeats:
        seconds[way].append(timed(runs[way])[1])
    for way in WAYS:
        run = runs.pop(way)
        memory[way] = peak_of_tensors(lambda: (run(), run()))  # noqa: B023 - run at once
    weights = resident_weights()
    rows = [
        [
            WAYS[way],
            f"{(made[way] - made['published']).abs().max():.0e}",
            f"{median(seconds[way]) / median(seconds['published']):.2f}",
            f"{weights[way != 'published'] / weights[0]:.2f}",
            f"{memory[way] / memory['published']:.2f}",
        ]
        for way in WAYS
    ]
    print_table(["one evaluation", "largest difference", "time", "resident weights", "peak of activations"], rows)


def resident_weights() -> tuple[float, float]:
    """Bytes of two networks, and of one network with the changes."""
    one = sum(tensor.nbytes for tensor in narrow_model().model.diffusion_model.state_dict().values())
    changes = random_motion().changes.values()
    return 2.0 * one, one + sum(each.to_v.nbytes + each.to_out.nbytes for each in changes)


def evaluation(way: str) -> Any:
    """A function that evaluates both directions once and gives clean latents."""
    x = torch.randn(FRAMES, 4, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1)) * (SIGMA**2 + 1) ** 0.5
    start, end = condition(2), condition(3)
    if way == "published":
        models = [narrow_model().model for _ in range(2)]
        start |= {"label": models[0].encode_adm(fps=7, motion_bucket_id=127, augmentation_level=0.02)}
        end |= {"label": start["label"]}
        procedure = PublishedProcedure(*models, random_motion())
        return lambda: procedure.denoised(x, SIGMA, start, end, SCALE)
    return with_guider(way, x, start, end)


def with_guider(memory: str, x: Tensor, start: dict[str, Tensor], end: dict[str, Tensor]) -> Any:
    """The same with our guider, starting at the host's sampling."""
    import comfy.samplers
    from comfyui_inbetween.host.svd.dual_direction import DirectionSettings, dual_direction_guider

    labels = {"fps": 7, "motion_bucket_id": 127, "augmentation_level": 0.02}
    ends = [[[given["embedding"], {**labels, "concat_latent_image": given["latent"]}]] for given in (start, end)]
    guider = dual_direction_guider(narrow_model(), *ends, random_motion(), DirectionSettings(memory=memory))
    made: list[Tensor] = []

    class Once(comfy.samplers.Sampler):
        def sample(self, wrap: Any, sigmas: Tensor, extra_args: dict[str, Any], *args: Any, **kwargs: Any) -> Tensor:
            made[:] = [wrap(x, torch.full([len(x)], SIGMA), **extra_args)]
            return made[0]

    def run() -> Tensor:
        with torch.inference_mode():
            empty = torch.zeros_like(x)
            guider.sample(empty, empty, Once(), torch.tensor([SIGMA, 0.0]), disable_pbar=True, seed=1)
        return made[0]

    return run


def condition(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "embedding": torch.randn(1, 1, 1024, generator=generator),
        "latent": torch.randn(1, 4, HEIGHT, WIDTH, generator=generator),
    }


def narrow_model() -> Any:
    """A loaded SVD with a fifth of the width, in the host's model patcher."""
    import comfy.model_management as model_management
    import comfy.supported_models
    from comfy.model_patcher import CoreModelPatcher

    class NarrowSVD(comfy.supported_models.SVD_img2vid):
        unet_extra_config = {**comfy.supported_models.SVD_img2vid.unet_extra_config}

    config = NarrowSVD({**NARROW, "dtype": torch.float32})
    config.manual_cast_dtype = None
    model = config.get_model({}, "")
    generator = torch.Generator().manual_seed(0)
    for name, tensor in model.diffusion_model.named_parameters():
        fan_in = tensor[0].numel() if tensor.ndim > 1 else 1
        noise = torch.randn(tensor.shape, generator=generator)
        norm = name.endswith("weight") and tensor.ndim == 1
        tensor.data = 1 + 0.02 * noise if norm else noise * (0.05 if tensor.ndim == 1 else fan_in**-0.5)
    patcher = CoreModelPatcher(model, torch.device("cpu"), torch.device("cpu"))
    model_management.load_models_gpu([patcher])
    return patcher


def random_motion() -> Any:
    """Random changes for the narrow network."""
    from comfyui_inbetween.core.svd.reverse_motion import LayerChange, ReverseMotion
    from comfyui_inbetween.networks.svd.names import TEMPORAL_LAYERS, TO_OUT, TO_V

    shapes, generator = changed_shapes(svd_shapes(NARROW)), torch.Generator().manual_seed(4)
    tensors = {name: torch.randn(shape, generator=generator) * shape[1] ** -0.5 for name, shape in shapes.items()}
    changes = {
        layer: LayerChange(tensors[f"{layer}.{TO_V}"], tensors[f"{layer}.{TO_OUT}"]) for layer in TEMPORAL_LAYERS
    }
    return ReverseMotion("random", changes)


# ------------------------------------------------------------------------------------------- settings


def print_settings() -> None:
    """Print evaluations, operations at full size, and times projected from the public figure."""
    from comfyui_inbetween.samplers.svd.renoise import Renoising

    total, attention = operations()
    rows = []
    for steps, repeats in SETTINGS:
        evaluations = Renoising(repeats, RATIO).evaluations(steps)
        minutes = PUBLIC_SECONDS / PUBLIC_EVALUATIONS * evaluations / 60
        rows.append(
            [str(steps), str(repeats), str(evaluations), f"{evaluations * total / 1e15:.0f}", f"{minutes:.1f} min"]
        )
    print_table(["steps", "repeats", "evaluations", "PFLOP", "A100, from the public figure"], rows)
    print(f"one evaluation {total / 1e12:.0f} TFLOP, of which temporal self-attention {attention / total:.1%}")


def operations() -> tuple[float, float]:
    """Floating-point operations of one evaluation at full size and of its temporal self-attention, without computing.

    For both directions with both halves of the guidance, in the plain network. Ours does not compute queries and keys
    of the backward clip, but changes its values and outputs, which costs the same.
    """
    import comfy.ops
    from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel

    options = {"device": "meta", "dtype": torch.float16}
    network = UNetModel(**FULL_SIZES, **options, operations=comfy.ops.disable_weight_init)
    batch = 2 * FRAMES
    with FlopCounterMode(display=False, depth=99) as counter:
        network(
            torch.empty(batch, 8, FULL_HEIGHT, FULL_WIDTH, **options),
            torch.empty(batch, device="meta"),
            context=torch.empty(batch, 1, 1024, **options),
            y=torch.empty(batch, 768, **options),
            num_video_frames=FRAMES,
            transformer_options={"optimized_attention_override": _attention},
        )
    of_attention = sum(
        sum(counts.values())
        for name, counts in counter.get_flop_counts().items()
        if name.endswith("time_stack.0.attn1")
    )
    return 2.0 * counter.get_total_flops(), 2.0 * of_attention


def _attention(_: Any, query: Tensor, key: Tensor, value: Tensor, heads: int, **__: Any) -> Tensor:
    """Replaces the host's attention, which asks how much memory the device has."""
    per_head = (each.unflatten(-1, (heads, -1)).transpose(1, 2) for each in (query, key, value))
    return torch.nn.functional.scaled_dot_product_attention(*per_head).transpose(1, 2).flatten(-2)


if __name__ == "__main__":
    main()
