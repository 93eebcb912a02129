"""Everything a command needs before it starts: a host, an environment with the required modules, folders."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .comfyui_host import downloaded_host, named_host, require_version, surrounding_host
from .environment import Environment, look_into, managed_environment, named_python, python_of_host, venv_python
from .layout import Layout
from .messages import DevError, say
from .virtual_environment import (
    TORCH,
    check_room_for_torch,
    ensure_environment,
    install_everything,
    install_with_pip,
)

HOST_MODULES = ("torch", "torchvision", "torchaudio", "aiohttp", "av", "comfyui_frontend_package")
PACK_MODULES = ("cv2", "einops", "numpy", "safetensors")
TEST_MODULES = ("comfy_cli", "hypothesis", "playwright", "pytest", "xdist")
MODULES_OF_COMMANDS = {
    "demo": (*HOST_MODULES, *PACK_MODULES, "comfy_cli"),
    "serve": (*HOST_MODULES, *PACK_MODULES),
    "test": (*HOST_MODULES, *PACK_MODULES, "comfyui_inbetween", *TEST_MODULES),
    "lint": ("mypy", "ruff"),
    "bench": (*HOST_MODULES, *PACK_MODULES, "comfyui_inbetween"),
}


@dataclass(frozen=True)
class Choices:
    """The user's choices on the command line."""

    command: str
    comfyui: str | None = None
    python: str | None = None
    install: bool = False
    torch_index: str | None = None


@dataclass(frozen=True)
class Workplace:
    """Where a command works: the clone's folders, the ComfyUI, and the environment."""

    layout: Layout
    host: Path
    environment: Environment


def prepare(layout: Layout, choices: Choices, env: Mapping[str, str] = os.environ) -> Workplace:
    """
    Creates and installs whatever is missing.

    Raises:
        DevError: something is not available; the line says what to change.
    """
    host = named_host(choices.comfyui, env)
    inside = surrounding_host(layout.root) if host is None else None
    host = host or inside
    if host is not None:
        require_version(host)
    layout.dev.mkdir(exist_ok=True)
    if choices.python:
        return _existing(layout, named_python(choices.python), host, choices)
    if inside is not None:
        return _existing(layout, python_of_host(inside), inside, choices)
    ensure_environment(layout, choices.torch_index)
    host = host or downloaded_host(layout, venv_python(layout.venv))
    install_everything(layout, host / "requirements.txt", choices.torch_index)
    return Workplace(layout, host, managed_environment(layout.venv))


def _existing(layout: Layout, python: Path, host: Path | None, choices: Choices) -> Workplace:
    """A workplace with the user's own environment; installs nothing into it without --install."""
    modules = MODULES_OF_COMMANDS[choices.command]
    environment, lacking = look_into(python, modules, layout.root)
    host = host or downloaded_host(layout, python)
    if lacking and choices.install:
        _install_into(layout, python, host, lacking, choices.torch_index)
        environment, lacking = look_into(python, modules, layout.root)
    if lacking:
        of_host = f'-r "{host / "requirements.txt"}" ' if set(lacking) & set(HOST_MODULES) else ""
        raise DevError(
            f"{python} lacks {', '.join(lacking)}: run the command again with --install, "
            f'or: "{python}" -m pip install {of_host}-e "{layout.root}[dev]"'
        )
    return Workplace(layout, host, environment)


def _install_into(layout: Layout, python: Path, host: Path, lacking: list[str], torch_index: str | None) -> None:
    if "torch" in lacking:
        check_room_for_torch(layout, torch_index)
        say(f"installing {TORCH[0]} and its dependencies into {python}")
        source = ["--index-url", torch_index] if torch_index else []
        install_with_pip(layout, python, "torch", "torch", [*TORCH, *source])
    if set(lacking) & set(HOST_MODULES):
        say(f"installing the requirements of ComfyUI into {python}")
        arguments: list[str | Path] = ["--requirement", host / "requirements.txt"]
        install_with_pip(layout, python, "host-requirements", "ComfyUI's requirements", arguments)
    say(f"installing the pack (editable) and its development tools into {python}")
    install_with_pip(layout, python, "pack", "the pack", ["--editable", ".[dev]"])
