"""The environment in `.dev`: made once, filled step by step, each step remembered beside what it installed."""

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

# Measured, with pip's cache and its temporary files on the same disk: the index's torch for Linux brings CUDA.
GIGABYTES_WITH_CUDA = 10
GIGABYTES_WITHOUT_CUDA = 4


class FinishedSteps:
    """Notes in the environment's own folder, so that they go when it goes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "finished-steps"

    def key_of(self, step: str) -> str | None:
        """With which key the step was finished, or None if it never was."""
        note = self._folder / step
        return note.read_text(encoding="utf-8") if note.is_file() else None

    def finish(self, step: str, key: str) -> None:
        """Remembers a step."""
        self._folder.mkdir(exist_ok=True)
        partial = self._folder / f"{step}.part"
        partial.write_text(key, encoding="utf-8")
        os.replace(partial, self._folder / step)


def ensure_environment(layout: Layout, torch_index: str | None) -> None:
    """Makes the empty environment, unless it is there and was made for the clone where it is now."""
    steps = FinishedSteps(layout.venv)
    running = ".".join(map(str, sys.version_info[:2]))
    version, _, place = (steps.key_of("environment") or "").partition(" ")
    if place == str(layout.venv) and venv_python(layout.venv).is_file():
        if version != running:
            say(f"using {layout.shown(layout.venv)}, made by Python {version}; delete it to have it made by {running}")
        return
    check_room_for_torch(layout, torch_index)  # the environment is of no use without
    say(f"making the environment {layout.shown(layout.venv)} with Python {running}")
    log = layout.logs / "venv.log"
    if run_into_log([sys.executable, "-m", "venv", "--clear", layout.venv], layout.root, os.environ, log) != 0:
        output = log.read_text(encoding="utf-8", errors="replace")
        incomplete = "Python's venv is incomplete, install python3-venv"
        cause = incomplete if "ensurepip is not available" in output else cause_of_failure(output)
        raise DevError(f"making the environment failed: {cause}. The log: {log}")
    steps.finish("environment", f"{running} {layout.venv}")


def install_everything(layout: Layout, host_requirements: Path, torch_index: str | None) -> None:
    """Installs torch, the host's requirements and the pack into the environment, whichever is not there as needed."""
    steps = FinishedSteps(layout.venv)
    _install_torch(layout, steps, torch_index)

    def install(step: str, key: str, what: str, arguments: list[str | Path]) -> None:
        if steps.key_of(step) != key:
            say(f"installing {what}")
            # torch is named again so that nothing that is installed now moves it
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
            say(f"torch is already installed (from {index}); delete {shown} to have it installed from {torch_index}")
        return
    check_room_for_torch(layout, torch_index)
    say(f"installing {TORCH[0]} and what it needs; this downloads the most and takes a few minutes")
    source = ["--index-url", torch_index] if torch_index else []
    install_with_pip(layout, venv_python(layout.venv), "torch", "torch", [*TORCH, *source])
    steps.finish("torch", f"{wanted} from {torch_index or 'the default index'}")


def check_room_for_torch(layout: Layout, torch_index: str | None) -> None:
    """Raises DevError if the disk has no room for what torch brings with it."""
    with_cuda = sys.platform == "linux" and not (torch_index or "").rstrip("/").endswith("/cpu")
    gigabytes = GIGABYTES_WITH_CUDA if with_cuda else GIGABYTES_WITHOUT_CUDA
    require_free_space(layout.dev, gigabytes, "installing torch and ComfyUI")


def install_with_pip(layout: Layout, python: Path, step: str, what: str, arguments: list[str | Path]) -> None:
    """One `pip install` in the clone, with its log under the step's name."""
    run_pip(python, ["install", *arguments], layout.root, layout.logs / f"pip-{step}.log", f"installing {what}")


def installed_part(pyproject: str) -> str:
    """The sections of pyproject.toml that pip acts on; a changed lint rule is no reason to install again."""
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
