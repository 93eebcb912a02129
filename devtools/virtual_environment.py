"""The environment in `.dev`: created once and filled in steps; finished steps are recorded in the environment."""

import hashlib
import os
import sys
from pathlib import Path

from .disk import require_free_space
from .environment import venv_python
from .layout import Layout
from .messages import DevError, say
from .pip_runner import cause_of_failure, run_pip
from .processes import run_into_log

TORCH = ("torch==2.11.0", "torchvision==0.26.0", "torchaudio==2.11.0")

# Measured, with pip's cache and temporary files on the same disk. The index's torch for Linux includes CUDA.
GIGABYTES_WITH_CUDA = 10
GIGABYTES_WITHOUT_CUDA = 4


class FinishedSteps:
    """A record of finished steps in the environment's folder, so that deleting the environment deletes it too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "finished-steps"

    def key_of(self, step: str) -> str | None:
        """The key with which the step was finished, or None if it never was."""
        note = self._folder / step
        return note.read_text(encoding="utf-8") if note.is_file() else None

    def finish(self, step: str, key: str) -> None:
        """Records a finished step."""
        self._folder.mkdir(exist_ok=True)
        partial = self._folder / f"{step}.part"
        partial.write_text(key, encoding="utf-8")
        os.replace(partial, self._folder / step)


def ensure_environment(layout: Layout, torch_index: str | None) -> None:
    """Creates the empty environment, unless it exists and was created for the clone's current location."""
    steps = FinishedSteps(layout.venv)
    running = ".".join(map(str, sys.version_info[:2]))
    version, _, place = (steps.key_of("environment") or "").partition(" ")
    if place == str(layout.venv) and venv_python(layout.venv).is_file():
        if version != running:
            shown = layout.shown(layout.venv)
            say(f"using {shown}, which has Python {version}; delete it to create it again with Python {running}")
        return
    check_room_for_torch(layout, torch_index)  # the environment is useless without torch
    say(f"creating the environment {layout.shown(layout.venv)} with Python {running}")
    log = layout.logs / "venv.log"
    if run_into_log([sys.executable, "-m", "venv", "--clear", layout.venv], layout.root, os.environ, log) != 0:
        output = log.read_text(encoding="utf-8", errors="replace")
        incomplete = "Python's venv is incomplete: install python3-venv"
        cause = incomplete if "ensurepip is not available" in output else cause_of_failure(output)
        raise DevError(f"creating the environment failed: {cause}. The log: {log}")
    steps.finish("environment", f"{running} {layout.venv}")


def install_everything(layout: Layout, host_requirements: Path, torch_index: str | None) -> None:
    """Installs torch, the host's requirements and the pack into the environment, if missing or out of date."""
    steps = FinishedSteps(layout.venv)
    _install_torch(layout, steps, torch_index)

    def install(step: str, key: str, what: str, arguments: list[str | Path]) -> None:
        if steps.key_of(step) != key:
            say(f"installing {what}")
            # torch is listed again so that pip does not change its version now
            install_with_pip(layout, venv_python(layout.venv), step, what, [*TORCH, *arguments])
            steps.finish(step, key)

    requirements_key = _digest(host_requirements.read_text(encoding="utf-8"), *TORCH)
    install("host-requirements", requirements_key, "the requirements of ComfyUI", ["--requirement", host_requirements])
    metadata = installed_part((layout.root / "pyproject.toml").read_text(encoding="utf-8"))
    pack_key = _digest(metadata, str(layout.root), *TORCH)
    install("pack", pack_key, "the pack (editable) and its development tools", ["--editable", ".[dev]"])


def _install_torch(layout: Layout, steps: FinishedSteps, torch_index: str | None) -> None:
    wanted = " ".join(TORCH)
    finished, _, index = (steps.key_of("torch") or "").partition(" from ")
    if finished == wanted:
        if torch_index and torch_index != index:
            shown = layout.shown(layout.venv)
            say(f"torch is already installed (from {index}); delete {shown} to install it from {torch_index}")
        return
    check_room_for_torch(layout, torch_index)
    say(f"installing {TORCH[0]} and its dependencies; this is the largest download and takes a few minutes")
    source = ["--index-url", torch_index] if torch_index else []
    install_with_pip(layout, venv_python(layout.venv), "torch", "torch", [*TORCH, *source])
    steps.finish("torch", f"{wanted} from {torch_index or 'the default index'}")


def check_room_for_torch(layout: Layout, torch_index: str | None) -> None:
    """Raises DevError if the disk has too little space for torch and its dependencies."""
    with_cuda = sys.platform == "linux" and not (torch_index or "").rstrip("/").endswith("/cpu")
    gigabytes = GIGABYTES_WITH_CUDA if with_cuda else GIGABYTES_WITHOUT_CUDA
    require_free_space(layout.dev, gigabytes, "installing torch and ComfyUI")


def install_with_pip(layout: Layout, python: Path, step: str, what: str, arguments: list[str | Path]) -> None:
    """Runs one `pip install` in the clone, with a log named after the step."""
    run_pip(python, ["install", *arguments], layout.root, layout.logs / f"pip-{step}.log", f"installing {what}")


def installed_part(pyproject: str) -> str:
    """The sections of pyproject.toml that pip uses; a changed lint rule is no reason to install again."""
    kept = []
    section = ""
    for line in pyproject.splitlines():
        if line.startswith("["):
            section = line.strip("[] ")
        if section.startswith(("build-system", "project", "tool.setuptools")):
            kept.append(line)
    return "\n".join(kept)


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
