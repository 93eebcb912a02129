"""
python -m comfyui_inbetween.convert semfi.ckpt: each expert of a mixture as a LoRA of its own, for any LoRA loader.

Each file holds the universal LoRA and one expert, exactly: their ranks beside one another, their biases made one.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from .core.errors import InbetweenError
from .networks.lora_files import merged_expert, read_mixture

TYPES = {"keep": None, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert as the command line says; 0 if all went well, else 1 and one line of error."""
    options = _parser().parse_args(arguments)
    try:
        for file in _convert(options):
            print(file)
    except InbetweenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m comfyui_inbetween.convert",
        description="Write each expert of a Mixture of LoRA, with the universal LoRA, as a LoRA file of its own.",
    )
    parser.add_argument("mixture", type=Path, help="semfi.ckpt, or the same as .safetensors")
    parser.add_argument("-o", "--output", type=Path, help="folder of the new files; by default that of the mixture")
    parser.add_argument("-f", "--frames", type=int, nargs="+", metavar="N", help="experts to write; by default all")
    parser.add_argument("--type", choices=TYPES, default="keep", help="of the numbers; by default that of the mixture")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")
    return parser


def _convert(options: argparse.Namespace) -> Sequence[Path]:
    mixture = read_mixture(options.mixture)
    experts = [mixture.expert_for(count) for count in options.frames or mixture.frame_counts]
    folder = options.output or options.mixture.parent
    files = [folder / f"{options.mixture.stem}_{expert.frame_count:03}_frames.safetensors" for expert in experts]
    there = [file.name for file in files if file.exists()]
    if there and not options.overwrite:
        raise InbetweenError(f"{', '.join(there)} is there already; give --overwrite or another --output.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, expert in zip(files, experts, strict=True):
            notes = {"format": "pt", "trained_frames": str(expert.frame_count), "made_from": options.mixture.name}
            tensors = merged_expert(mixture, expert, TYPES[options.type])
            _write_whole(tensors, file, notes)
    except (OSError, SafetensorError) as error:
        raise InbetweenError(f"{folder} cannot be written to: {getattr(error, 'strerror', None) or error}.") from None
    return files


def _write_whole(tensors: dict[str, torch.Tensor], file: Path, notes: dict[str, str]) -> None:
    """Write the file, or leave what is there."""
    unfinished = file.with_suffix(".unfinished")
    try:
        save_file(tensors, unfinished, metadata=notes)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
