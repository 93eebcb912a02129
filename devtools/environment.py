"""A Python environment: which modules it has, and where its programs are."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .messages import DevError

# Only the interpreter itself knows its modules and where its programs are installed.
PROBE = """
import importlib.util, json, os, sys, sysconfig
def origin(name):
    spec = importlib.util.find_spec(name)
    return None if spec is None else spec.origin or ""
print(json.dumps({
    "version": sys.version_info[:2],
    "scripts": [sysconfig.get_path("scripts"), sysconfig.get_path("scripts", os.name + "_user")],
    "origins": {name: origin(name) for name in sys.argv[1:]},
}))
"""

HAS_ACCELERATOR = """
import torch
xpu = getattr(torch, "xpu", None)
found = torch.cuda.is_available() or torch.backends.mps.is_available() or (xpu is not None and xpu.is_available())
print("accelerator" if found else "cpu")
"""


@dataclass(frozen=True)
class Environment:
    """An interpreter and the folders with the programs installed for it."""

    python: Path
    script_folders: tuple[Path, ...]

    def script(self, name: str) -> Path:
        """An installed program, such as pytest; raises DevError if there is none."""
        found = shutil.which(name, path=os.pathsep.join(map(str, self.script_folders)))
        if found is None:
            folders = " or ".join(map(str, self.script_folders))
            raise DevError(f"{self.python} has no program {name!r} (looked in {folders}): install {name} there.")
        return Path(found)

    def has_accelerator(self) -> bool:
        """Whether torch finds a GPU that the host can use."""
        answer = _output_of(self.python, HAS_ACCELERATOR, ())
        return answer.strip().endswith("accelerator")


def venv_python(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / "Scripts" / "python.exe" if sys.platform == "win32" else folder / "bin" / "python"


def managed_environment(folder: Path) -> Environment:
    """The environment that dev.py created in a folder; this starts no program to inspect it."""
    python = venv_python(folder)
    return Environment(python, (python.parent,))


def named_python(value: str) -> Path:
    """The interpreter that the user named, itself or by its environment's folder; raises DevError if there is none."""
    path = Path(value).expanduser()
    if path.is_dir():
        path = venv_python(path)
    found = shutil.which(str(path))
    if found is None:
        raise DevError(f"--python is {value}, but there is no Python: name an interpreter or an environment's folder.")
    return Path(found).absolute()  # not resolved: the link in the environment makes it the environment's Python


def python_of_host(host: Path) -> Path:
    """The interpreter that runs a ComfyUI: from its own environment, the portable build's, or the running one."""
    for candidate in (
        venv_python(host / "venv"),
        venv_python(host / ".venv"),
        host.parent / "python_embeded" / "python.exe",  # spelled so in ComfyUI's portable build
    ):
        if candidate.is_file():
            return candidate
    return Path(sys.executable)


def look_into(python: Path, modules: Iterable[str], root: Path) -> tuple[Environment, list[str]]:
    """
    Inspects an environment that dev.py did not create.

    Returns:
        The environment, and the modules that it lacks; `comfyui_inbetween` from another clone counts as lacking.

    Raises:
        DevError: the interpreter does not work or is too old.
    """
    answer = json.loads(_output_of(python, PROBE, modules))
    if tuple(answer["version"]) < (3, 10):
        version = ".".join(map(str, answer["version"]))
        raise DevError(f"{python} is Python {version}, but 3.10 or newer is needed: name another Python with --python.")
    lacking = []
    for module, origin in answer["origins"].items():
        foreign = module == "comfyui_inbetween" and origin and Path(origin).resolve().parent != root.resolve()
        if origin is None or foreign:
            lacking.append(module)
    return Environment(python, tuple(Path(folder) for folder in answer["scripts"])), lacking


def _output_of(python: Path, program: str, arguments: Iterable[str]) -> str:
    try:
        answer = subprocess.run(
            [str(python), "-c", program, *arguments],
            capture_output=True,
            text=True,
            check=True,
            cwd=python.parent,  # -c puts the working folder on the path, and Python must not find our `nodes` there
        )
    except OSError as error:
        raise DevError(f"{python} cannot be started ({error.strerror}).") from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise DevError(f"{python} does not work: {last}") from error
    return answer.stdout
