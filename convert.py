"""
python -m comfyui_inbetween.convert: turns published files into smaller ones for this pack and any LoRA loader.

A Mixture of LoRA (semfi.ckpt) becomes one LoRA file per expert. Each file contains the universal LoRA and that expert,
exactly: their ranks are concatenated and their biases added. With --base, a fine-tuned SVD becomes a file of what it
learned for backward motion.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from .core.errors import InbetweenError
from .networks.svd.reverse_motion_files import change_notes, change_tensors, model_name, read_tuned, unet_file
from .networks.wan.lora_files import merged_expert, read_mixture

TYPES = {"keep": None, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns 0 on success, else 1 after one line of error."""
    options = _parser().parse_args(arguments)
    try:
        for file in _convert_mixture(options) if options.base is None else _convert_tuned(options):
            print(file)
    except InbetweenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m comfyui_inbetween.convert",
        description="Write each expert of a Mixture of LoRA, with the universal LoRA, as a separate LoRA file; or, "
        "with --base, write what a fine-tuned SVD learned for backward motion as a file for Load Reverse Motion.",
    )
    parser.add_argument(
        "file",
        type=Path,
        help="semfi.ckpt, or the same as .safetensors; with --base, a fine-tuned SVD (the file or the authors' folder)",
    )
    parser.add_argument("--base", type=Path, help="the model the SVD was tuned from: a file or diffusers folder")
    parser.add_argument("-o", "--output", type=Path, help="folder for the new files (default: next to the input)")
    parser.add_argument("-f", "--frames", type=int, nargs="+", metavar="N", help="experts to write (default: all)")
    parser.add_argument("--type", choices=TYPES, default="keep", help="number type to write (default: as in the input)")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    return parser


def _convert_mixture(options: argparse.Namespace) -> Sequence[Path]:
    mixture = read_mixture(options.file)
    experts = [mixture.expert_for(count) for count in options.frames or mixture.frame_counts]
    folder = options.output or options.file.parent
    files = [folder / f"{options.file.stem}_{expert.frame_count:03}_frames.safetensors" for expert in experts]
    _check_free(files, options)
    for file, expert in zip(files, experts, strict=True):
        notes = {"format": "pt", "trained_frames": str(expert.frame_count), "made_from": options.file.name}
        _write_whole(merged_expert(mixture, expert, TYPES[options.type]), file, notes)
    return files


def _convert_tuned(options: argparse.Namespace) -> Sequence[Path]:
    if options.frames:
        raise InbetweenError("--frames works only for a Mixture of LoRA; leave it out with --base.")
    tuned, base = unet_file(options.file), unet_file(options.base)
    folder = options.output or (options.file if options.file.is_dir() else options.file.parent)
    file = folder / f"{model_name(tuned)}_change.safetensors"
    _check_free([file], options)
    motion, warnings = read_tuned(tuned, base)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    _write_whole(change_tensors(motion, TYPES[options.type]), file, change_notes(motion, base.name))
    return [file]


def _check_free(files: Sequence[Path], options: argparse.Namespace) -> None:
    there = [file.name for file in files if file.exists()]
    if there and not options.overwrite:
        raise InbetweenError(f"{', '.join(there)} already exists; add --overwrite or choose another --output.")


def _write_whole(tensors: dict[str, torch.Tensor], file: Path, notes: dict[str, str]) -> None:
    """Write the whole file, or leave the existing one unchanged."""
    unfinished = file.with_suffix(".unfinished")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, unfinished, metadata=notes)
        unfinished.replace(file)
    except (OSError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or error
        raise InbetweenError(f"{file.parent} cannot be written to: {why}.") from None
    finally:
        if unfinished.parent.is_dir():
            unfinished.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
