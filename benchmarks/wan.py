"""The Mixture of LoRA on Wan: changing the expert, what LoRAs cost in a block, and the memory of conditioning.

Weights are random, which takes the same time. The model for changing the expert has 2 of the 40 blocks of Wan 14B, at
full width (5120, in float16); the times are for those 2 blocks.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import torch
from _harness import boot_host
from _run import peak_memory, print_table, timed
from _semfi_reference import published_block, reference_folder, rotary_frequencies
from golden.semfi.weights import layer_names, seeded_semfi
from torch import Tensor

WIDE = {"dim": 5120, "ffn_dim": 13824}  # of Wan 14B
SMALL = {"dim": 1536, "ffn_dim": 8960}  # of Wan 1.3B
BLOCKS = 2
TOKENS, TEXT_TOKENS = 1560, 512  # one latent frame of 832x480
FRAMES, HEIGHT, WIDTH = 81, 240, 416


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference", type=Path, help="a checkout of SemFi's code (default: download it)")
    parser.add_argument("--repeats", type=int, default=3, help="runs; the best counts (default: %(default)s)")
    parser.add_argument("--only", choices=("expert", "block", "memory"))
    parser.add_argument("--memory-of", choices=("ours", "host"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    warnings.simplefilter("ignore")
    if options.memory_of:
        print(peak_of_conditioning(options.memory_of == "ours"))
        return
    if options.only in (None, "expert"):
        print_expert(options.repeats)
    if options.only in (None, "block"):
        print_block(reference_folder(options.reference), options.repeats)
    if options.only in (None, "memory"):
        print_memory(options.repeats)


# ------------------------------------------------------------------------------------- changing the expert


def print_expert(repeats: int) -> None:
    """Print the cost of changing the expert: ours, and ComfyUI's loader on LoRA files with the same content."""
    folder = Path(tempfile.mkdtemp())
    boot_host(folder)
    import comfy.model_management as model_management
    import comfy.sd
    import comfy.utils
    from comfyui_inbetween.host.wan.lora_mixture import MixtureSettings, apply_mixture
    from comfyui_inbetween.networks.wan.lora_files import merged_expert, read_mixture
    from safetensors.torch import save_file

    published = folder / "semfi.safetensors"
    save_file(seeded_semfi(BLOCKS, **WIDE), published)
    mixture = read_mixture(published)
    converted = {expert.frame_count: folder / f"{expert.frame_count}.safetensors" for expert in mixture.experts}
    for expert in mixture.experts:
        save_file(merged_expert(mixture, expert), converted[expert.frame_count])
    model = wide_model()
    lengths = (33, 81)

    def ours(frame_count: int) -> Any:
        return apply_mixture(
            model, mixture, frame_count, ((mixture.nearest(frame_count), 1.0),), MixtureSettings(method="merge")
        ).model

    def theirs(frame_count: int) -> Any:
        lora = comfy.utils.load_torch_file(str(converted[frame_count]), safe_load=True)
        return comfy.sd.load_lora_for_models(model, None, lora, 1.0, 0)[0]

    def changed(apply: Callable[[int], Any]) -> tuple[float, float]:
        """Seconds to patch the model, and to load its weights."""
        best = [float("inf"), float("inf")]
        model_management.load_models_gpu([apply(9)])
        for frame_count in lengths * repeats:
            patched, applying = timed(lambda: apply(frame_count))  # noqa: B023 - run at once
            _, loading = timed(lambda: model_management.load_models_gpu([patched]))  # noqa: B023
            best = [min(best[0], applying), min(best[1], loading)]
        return best[0], best[1]

    stock, own = changed(theirs), changed(ours)
    rows = [
        ["expert read and matched", f"{own[0] / stock[0]:.2f}"],
        ["merged into the weights", f"{own[1] / stock[1]:.2f}"],
        ["both", f"{sum(own) / sum(stock):.2f}"],
    ]
    print_table(["changing the expert", "Inbetween / ComfyUI's loader on converted files"], rows)
    file = mixture.expert_for(33).lora.file

    def asked(number: int) -> int:
        names = [name for name in file.shapes if re.search(rf"\.{number}\.lora_[AB]\.", name)]
        return sum(tensor.nbytes for tensor in file.read(names).values())

    print_table(
        ["bytes", "share of the file"],
        [
            ["read on opening, in addition to the header: the universal LoRA", f"{share(asked(0), published):.3f}"],
            ["read for a new expert", f"{share(asked(4), published):.3f}"],
            ["read by ComfyUI's loader for a new expert", f"{share(converted[33].stat().st_size, published):.3f}"],
        ],
    )


def wide_model() -> Any:
    """Two blocks as wide as in Wan 14B, in float16, loaded by the host."""
    import comfy.ops
    import comfy.sd
    from comfy.ldm.wan.model import WanModel
    from golden.semfi.weights import WAN_SIZES

    sizes = {**WAN_SIZES, **WIDE, "num_heads": WIDE["dim"] // 128, "num_layers": BLOCKS, "model_type": "i2v"}
    network = WanModel(**sizes, device="cpu", dtype=torch.float16, operations=comfy.ops.disable_weight_init)
    for tensor in network.parameters():
        tensor.data.normal_(std=0.02)
    return comfy.sd.load_diffusion_model_state_dict(network.state_dict())


def share(size: int, file: Path) -> float:
    return size / file.stat().st_size


# ------------------------------------------------------------------------------------- what the LoRAs cost in a block


def print_block(folder: Path, repeats: int) -> None:
    """Print what LoRAs add to a block: all seven as published, universal and expert as a bypass, and merged."""
    block = published_block(folder, SMALL["dim"], SMALL["ffn_dim"])
    x, context = torch.randn(1, TOKENS, SMALL["dim"]), torch.randn(1, TEXT_TOKENS + 257, SMALL["dim"])
    modulation, frequencies = torch.randn(1, 6, SMALL["dim"]), rotary_frequencies(TOKENS)

    def run() -> Tensor:
        return block(x, context, modulation, frequencies, 4)

    seven = best_of(run, repeats)
    keep_loras(block, (0, 4))
    two = best_of(run, repeats)
    keep_loras(block, ())
    none = best_of(run, repeats)
    flops = [lora_flops(count) / base_flops() for count in (7, 2, 0)]
    rows = [
        [name, f"{flop:.1%}", f"{seconds / none:.2f}"]
        for name, flop, seconds in zip(
            ("all seven (published)", "universal and expert, as a bypass", "merged into the weights"),
            flops,
            (seven, two, none),
            strict=True,
        )
    ]
    print_table(["LoRAs computed", "FLOPs of the LoRAs / FLOPs of the block", "time / block without LoRAs"], rows)


def keep_loras(block: torch.nn.Module, kept: Sequence[int]) -> None:
    """Remove all other LoRAs from the published block, so that they cost nothing and add nothing."""

    class Nothing(torch.nn.Module):
        def forward(self, _: Tensor) -> float:
            return 0.0

    for module in block.modules():
        for loras in list(module.children()):
            if isinstance(loras, torch.nn.ModuleList):
                for number in range(len(loras)):
                    if number not in kept:
                        loras[number] = Nothing()


def lora_flops(count: int) -> float:
    """Multiplications of `count` LoRAs of rank 16 in a block."""
    total = 0
    for layer, _ in layer_names(1):
        inputs, outputs = (SMALL["ffn_dim"] if layer.endswith(end) else SMALL["dim"] for end in ("ffn.2", "ffn.0"))
        tokens = TEXT_TOKENS if layer.endswith(("cross_attn.k", "cross_attn.v")) else TOKENS
        total += count * 16 * (inputs + outputs) * tokens
    return total


def base_flops() -> float:
    """Multiplications of the layers themselves, and of attention."""
    dim, ffn_dim = SMALL["dim"], SMALL["ffn_dim"]
    linear = TOKENS * (6 * dim * dim + 2 * dim * ffn_dim) + (2 * TEXT_TOKENS + 2 * 257) * dim * dim
    return linear + 2 * TOKENS * dim * (TOKENS + TEXT_TOKENS + 257)


def best_of(run: Callable[[], Any], repeats: int) -> float:
    """Seconds of the fastest run, after a warm-up."""
    run()
    return min(timed(run)[1] for _ in range(repeats))


# ------------------------------------------------------------------------------------- memory of conditioning


def print_memory(repeats: int) -> None:
    """Print the peak memory of conditioning 81 frames: the lowest of several runs, each in a separate process."""
    peaks = {"host": float("inf"), "ours": float("inf")}
    for whose in tuple(peaks) * repeats:
        command = [sys.executable, __file__, "--memory-of", whose]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
        peaks[whose] = min(peaks[whose], float(done.stdout.split()[-1]))
    rows = [
        ["WanFirstLastFrameToVideo (ComfyUI)", f"{peaks['host']:.0f} MiB"],
        ["Wan Keyframe Conditioning", f"{peaks['ours']:.0f} MiB"],
    ]
    print_table([f"conditioning of {FRAMES} frames of {WIDTH}x{HEIGHT}", "peak beyond the loaded models"], rows)


def peak_of_conditioning(ours: bool) -> float:
    """Peak memory of conditioning in MiB; the autoencoder is narrow, so that the clip itself dominates."""
    folder = Path(tempfile.mkdtemp())
    boot_host(folder)
    from comfy_extras.nodes_wan import WanFirstLastFrameToVideo
    from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet
    from comfyui_inbetween.host.wan.conditioning import WanSettings, condition_on_keyframes
    from tiny_models import write_wan, write_wan_vae

    import nodes

    for kind, write in (("vae", write_wan_vae), ("diffusion_models", write_wan)):
        options = {"model_type": "t2v"} if kind == "diffusion_models" else {}
        write(folder / "models" / kind / "tiny.safetensors", seed=0, **options)
    vae = nodes.VAELoader().load_vae("tiny.safetensors")[0]
    model = nodes.UNETLoader().load_unet("tiny.safetensors", "default")[0]
    first, last = torch.rand(2, HEIGHT, WIDTH, 3)
    text = [[torch.zeros(1, 8, 4096), {}]]
    before = psutil.Process().memory_info().rss
    with torch.inference_mode(), peak_memory() as peak:
        if ours:
            ends = KeyframeSet(FRAMES, (Keyframe(0, first), Keyframe(FRAMES - 1, last)))
            condition_on_keyframes(model, text, text, vae, ends, None, WanSettings())
        else:
            WanFirstLastFrameToVideo.execute(text, text, vae, WIDTH, HEIGHT, FRAMES, 1, first[None], last[None])
    return (peak[0] - before) / 2**20


if __name__ == "__main__":
    main()
