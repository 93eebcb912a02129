"""The real ComfyUI, booted in this process on the CPU."""

import os
import sys
from pathlib import Path


def comfyui_path() -> Path:
    """The host named by COMFYUI_PATH; raises LookupError with one line that says what to do."""
    named = os.environ.get("COMFYUI_PATH", "")
    if not named:
        raise LookupError("COMFYUI_PATH is not set: run `python dev.py test`, or set it to a ComfyUI folder.")
    path = Path(named).resolve()
    if not (path / "main.py").is_file():
        raise LookupError(f"COMFYUI_PATH is {named}: there is no ComfyUI (no main.py) in it.")
    return path


def boot_host(base_directory: Path) -> None:
    """
    Makes the host's modules importable, on the CPU, with its folders below `base_directory`.

    The order matters: the host decides about its device and folders while its modules are imported, so the arguments
    are set before any of them. Position 0, because `python -m pytest` puts the repository root on the path, where our
    `nodes` would hide the host's.
    """
    sys.path.insert(0, str(comfyui_path()))
    from comfy.cli_args import args

    args.cpu = True
    args.base_directory = str(base_directory)
    for folder in ("custom_nodes", "models", "input", "output", "temp", "user"):
        (base_directory / folder).mkdir(parents=True, exist_ok=True)
    import nodes

    if not hasattr(nodes, "NODE_CLASS_MAPPINGS"):
        raise RuntimeError(f"`nodes` is {nodes.__file__}, not the host's; something put the repository root first.")
