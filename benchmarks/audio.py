"""Audio adapters on Wan: what they add to an evaluation, and a comparison with the published block.

Weights are random, which takes the same time. Blocks are as wide as in Wan 1.3B, but there are fewer of them, and the
picture is smaller. That overstates the cost of the branch, because the model's own attention between all places grows
with the square of their number. Operations are counted at full size, for 81 frames of 832x480.
"""

import argparse
import sys
import tempfile
import warnings
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import torch
from _audio_reference import published_block
from _harness import boot_host_as_on_gpus
from _run import peak_of_tensors, print_table, timed
from golden.audio.weights import LAYOUTS, seeded_adapter
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

WIDTH, HEADS, FEED_FORWARD, DEPTH = 1536, 12, 8960, 30  # of Wan 1.3B
BLOCKS = 2  # that the benchmark runs
LATENT_FRAMES, ROWS, COLUMNS = 21, 12, 20  # 81 frames of 320x192
FULL_ROWS, FULL_COLUMNS = 30, 52  # 832x480
FEATURES, TEXT, IMAGE = 768, 512, 257
NAME = "inbetween_audio_1"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="runs; the median counts (default: %(default)s)")
    parser.add_argument("--only", choices=("evaluation", "block", "operations"))
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    warnings.simplefilter("ignore")
    boot_host_as_on_gpus()
    if options.only in (None, "evaluation"):
        print_evaluations(options.repeats)
    if options.only in (None, "block"):
        print_blocks(options.repeats)
    if options.only in (None, "operations"):
        print_operations()


# ------------------------------------------------------------------------------------------ a whole evaluation


def print_evaluations(repeats: int) -> None:
    """Print the time and peak memory of an evaluation, with an adapter relative to without."""
    model, of_projector = wan(), {layout: [] for layout in (None, *LAYOUTS)}
    runs = {layout: evaluation(model, layout, seconds) for layout, seconds in of_projector.items()}
    in_blocks: dict[Any, list[float]] = {layout: [] for layout in runs}
    memory = {}
    for run in runs.values():
        run()
    for seconds in of_projector.values():
        seconds.clear()
    for layout in [*runs] * repeats:
        spent = timed(runs[layout])[1]
        in_blocks[layout].append(spent - (of_projector[layout] or [0])[-1])
    for layout, run in runs.items():
        memory[layout] = peak_of_tensors(run)
    rows = []
    for layout in LAYOUTS:
        blocks, projector = median(in_blocks[layout]), median(of_projector[layout] or [0])
        whole = (blocks * DEPTH / BLOCKS + projector) / (median(in_blocks[None]) * DEPTH / BLOCKS)
        ratios = (blocks / median(in_blocks[None]), whole, memory[layout] / memory[None])
        rows.append([layout.replace("_", " "), *(f"{each:.3f}" for each in ratios)])
    head = [
        "a later step",
        "time of the blocks / without",
        f"time of {DEPTH} blocks and projector / without",
        "peak of activations / without",
    ]
    print_table(head, rows)


def wan() -> Any:
    """A loaded Wan as wide as Wan 1.3B, with few blocks."""
    import comfy.model_management as model_management
    import comfy.supported_models
    from comfy.model_patcher import CoreModelPatcher

    sizes = {"model_type": "i2v", "dim": WIDTH, "num_heads": HEADS, "ffn_dim": FEED_FORWARD, "num_layers": BLOCKS}
    config = comfy.supported_models.WAN21_I2V(
        {"image_model": "wan2.1", "in_dim": 36, "out_dim": 16, **sizes, "dtype": torch.float32}
    )
    config.manual_cast_dtype = None
    model = config.get_model({}, "")
    fill(model.diffusion_model)
    patcher = CoreModelPatcher(model, torch.device("cpu"), torch.device("cpu"))
    model_management.load_models_gpu([patcher])
    return patcher


def fill(module: Any) -> Any:
    """Random weights of the usual size."""
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.data = noise * (0.02 if parameter.ndim < 2 else parameter[0].numel() ** -0.5)
    return module


def adapter_of(layout: str, depth: int = BLOCKS) -> Any:
    """An adapter of the same width, as a model patch."""
    import comfy.ops
    from comfy.model_patcher import CoreModelPatcher
    from comfyui_inbetween.networks.sound import read_adapter
    from safetensors.torch import save_file

    sizes = {"channels": WIDTH, "depth": depth, "features": FEATURES}
    tokens = {"tokens": 2048} if layout == "fantasy_talking" else {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "adapter.safetensors"
        save_file(seeded_adapter(layout, **sizes, **tokens), path)
        adapter = read_adapter(path, comfy.ops.manual_cast)
    return CoreModelPatcher(adapter, torch.device("cpu"), torch.device("cpu"))


def evaluation(model: Any, layout: str | None, of_projector: list[float]) -> Any:
    """A function that evaluates the network once, in a run whose keys and values are computed by the first call.

    of_projector: the seconds of the projector are appended to it if it runs in every step.
    """
    from comfyui_inbetween.host.sound.branch import AudioBranch
    from comfyui_inbetween.networks.sound.evaluation import BranchSettings, RunCache, frame_ids

    generator = torch.Generator().manual_seed(1)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    x, context, image = noise(1, 36, LATENT_FRAMES, 2 * ROWS, 2 * COLUMNS), noise(1, TEXT, 4096), noise(1, IMAGE, 1280)
    patched = model.clone()
    more = {}
    if layout:
        patch = adapter_of(layout)
        branch = AudioBranch(NAME, patch, BranchSettings(heard(patch.model, noise)))
        branch.attach(patched)
        branch._cache = RunCache()  # as in a run of the host's
        refined = patch.model.projector.refined

        def timed_refined(*given: Any) -> Tensor:
            made, seconds = timed(lambda: refined(*given))
            of_projector.append(seconds)
            return made

        patch.model.projector.refined = timed_refined
        more = {NAME: frame_ids(LATENT_FRAMES, True)}

    def run() -> Tensor:
        with torch.inference_mode():
            patched.inject_model()
            try:
                options = {"wrappers": patched.wrappers}
                return patched.model.diffusion_model(x, torch.tensor([500.0]), context, image, None, options, **more)
            finally:
                patched.eject_model()

    return run


def heard(adapter: Any, noise: Any) -> Any:
    """Sound for 81 frames."""
    from comfyui_inbetween.core.sound.timing import GRID, span_of_clip

    span, config = span_of_clip(GRID.frames(LATENT_FRAMES), adapter.config.fps), adapter.config
    layers = (12,) if config.features == "all layers" else ()
    return config.windows.cut(noise(config.windows.windowed_count(span), *layers, FEATURES), span)


# ---------------------------------------------------------------------------------- comparison with the published block


def print_blocks(repeats: int) -> None:
    """Print a comparison of one block with sound: the host's with our branch, and the published one; equal weights."""
    ours, published, difference = blocks()
    seconds: dict[str, list[float]] = {"ours": [], "published": []}
    for _ in range(repeats):
        for name, run in (("published", published), ("ours", ours)):
            seconds[name].append(timed(run)[1])
    ratio = median(seconds["published"]) / median(seconds["ours"])
    memory = peak_of_tensors(published) / peak_of_tensors(ours)
    rows = [[f"{difference:.0e}", f"{ratio:.2f}", f"{memory:.2f}"]]
    print_table(["EchoMimicV3 preview: largest difference", "published time / ours", "published peak / ours"], rows)


def blocks() -> tuple[Any, Any, float]:
    """Functions that run our block and the published one, and the largest difference between their outputs."""
    import comfy.ops
    from comfy.ldm.wan.model import WanModel
    from comfyui_inbetween.networks.sound.branch import AudioKeysValues, attend_to_audio

    sizes = {"dim": WIDTH, "ffn_dim": FEED_FORWARD, "num_heads": HEADS}
    theirs = fill(published_block(**sizes)).eval()
    model = WanModel("i2v", in_dim=36, num_layers=1, **sizes, text_len=TEXT, operations=comfy.ops.disable_weight_init)
    block, tensors = model.blocks[0], theirs.state_dict()
    audio = AudioKeysValues(WIDTH, WIDTH, False, True)
    ending = "_audio.weight"
    audio.load_state_dict(
        {f"{part}.weight": tensors.pop(f"cross_attn.{part}{ending}") for part in ("k", "v", "norm_k")}
    )
    block.load_state_dict(tensors)
    generator = torch.Generator().manual_seed(2)
    places = LATENT_FRAMES * ROWS * COLUMNS
    x, e = (torch.randn(1, *shape, WIDTH, generator=generator) for shape in ((places,), (6,)))
    context = torch.randn(1, IMAGE + TEXT, WIDTH, generator=generator)
    tokens = torch.randn(LATENT_FRAMES, 17, WIDTH, generator=generator)
    freqs = model.rope_encode(LATENT_FRAMES, 2 * ROWS, 2 * COLUMNS, device="cpu", dtype=torch.float32)
    seen = SimpleNamespace(query=None)
    keys, values = (each[None] for each in audio(tokens))
    block.cross_attn.norm_q.register_forward_hook(lambda *given: setattr(seen, "query", given[-1]))
    block.cross_attn.o.register_forward_pre_hook(
        lambda _, inputs: (inputs[0] + attend_to_audio(seen.query, keys, values, HEADS),)
    )
    grid = torch.tensor([[LATENT_FRAMES, ROWS, COLUMNS]])
    size = WIDTH // HEADS
    their_freqs = _published_freqs(size)
    heard_by = (context, tokens, LATENT_FRAMES, torch.ones(1, ROWS * COLUMNS), None, 1.0)

    def ours() -> Tensor:
        return block(x, e, freqs, context, IMAGE, transformer_options={})

    def published() -> Tensor:
        return theirs(x, e, torch.tensor([places]), grid, their_freqs, heard_by, None)

    return ours, published, (ours() - published()).abs().max().item()


def _published_freqs(size: int) -> Tensor:
    published = sys.modules["src.wan_transformer3d_audio"]
    parts = (size - 4 * (size // 6), 2 * (size // 6), 2 * (size // 6))
    return torch.cat([published.rope_params(1024, part) for part in parts], dim=1)


# ------------------------------------------------------------------------------------------ at full size


def print_operations() -> None:
    """Print what each adapter adds to an evaluation at full size, counted without computing."""
    import comfy.ops
    from comfy.ldm.wan.model import WanAttentionBlock

    places = LATENT_FRAMES * FULL_ROWS * FULL_COLUMNS
    with torch.device("meta"):
        settings = {"operations": comfy.ops.disable_weight_init, "device": "meta", "dtype": torch.bfloat16}
        block = WanAttentionBlock(
            "i2v_cross_attn", WIDTH, FEED_FORWARD, HEADS, cross_attn_norm=True, operation_settings=settings
        )
        x = torch.empty(1, places, WIDTH, dtype=torch.bfloat16)
        e, context = (torch.empty(1, rows, WIDTH, dtype=torch.bfloat16) for rows in (6, IMAGE + TEXT))
        freqs = torch.empty(1, places, 1, WIDTH // HEADS // 2, 2, 2)
        options = {"optimized_attention_override": _attention}
    of_block = counted(lambda: block(x, e, freqs, context, IMAGE, transformer_options=options))
    rows = []
    for layout in LAYOUTS:
        adapter = adapter_of(layout, 1).model
        adapter = adapter.to("meta", torch.bfloat16)
        added, weights = added_operations(adapter, x, e)
        rows.append([layout.replace("_", " "), f"{added / (DEPTH * of_block):.2%}", f"{weights / 2**20:.0f} MiB"])
    print_table(["81 frames of 832x480, 30 blocks", "operations added", "adapter in bfloat16"], rows)


def added_operations(adapter: Any, x: Tensor, e: Tensor) -> tuple[float, int]:
    """Operations of all branches and the projector in one evaluation, and bytes of the whole adapter."""
    from comfyui_inbetween.networks.sound.branch import attend_to_audio
    from comfyui_inbetween.networks.sound.projectors import ModelState

    slots = 32 if adapter.config.features == "all layers" else 17
    width = adapter.blocks[0].k.weight.shape[1]
    tokens = torch.empty(LATENT_FRAMES, slots, width, dtype=torch.bfloat16, device="meta")
    keys = torch.empty(1, LATENT_FRAMES, slots, WIDTH, dtype=torch.bfloat16, device="meta")
    added = DEPTH * counted(lambda: attend_to_audio(x, keys, keys, HEADS))
    if adapter.projector.uses_model_state:
        state = ModelState(x, e, e[:, 0])
        added += counted(lambda: adapter.projector.refined(tokens, state))
        added += DEPTH * counted(lambda: adapter.blocks[0](tokens))
    of_blocks = sum(parameter.nbytes for parameter in adapter.blocks.parameters())
    of_projector = sum(parameter.nbytes for parameter in adapter.projector.parameters())
    return added, DEPTH * of_blocks + of_projector


def counted(work: Any) -> float:
    """Floating-point operations of some work."""
    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())


def _attention(_: Any, query: Tensor, key: Tensor, value: Tensor, heads: int, **__: Any) -> Tensor:
    """Replaces the host's attention, which asks how much memory the device has."""
    per_head = (each.unflatten(-1, (heads, -1)).transpose(1, 2) for each in (query, key, value))
    return torch.nn.functional.scaled_dot_product_attention(*per_head).transpose(1, 2).flatten(-2)


if __name__ == "__main__":
    main()
