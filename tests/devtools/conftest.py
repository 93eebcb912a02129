"""dev.py's package, a clone of its own for each test, and a pip that installs nothing."""

import importlib.util
import json
import sys
import textwrap
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from project_paths import ROOT

# Loaded by its path: with the root on sys.path our `nodes` would hide the host's.
_spec = importlib.util.spec_from_file_location("devtools", ROOT / "devtools" / "__init__.py")
sys.modules["devtools"] = importlib.util.module_from_spec(_spec)

from devtools.layout import Layout  # noqa: E402
from devtools.virtual_environment import FinishedSteps  # noqa: E402

PYPROJECT = """
[build-system]
requires = ["setuptools>=77"]
[project]
name = "inbetween"
[tool.ruff]
line-length = 120
"""


@pytest.fixture
def clone(tmp_path) -> Layout:
    """A clone without content but for what dev.py reads."""
    layout = Layout(tmp_path / "clone")
    layout.sample_inputs.mkdir(parents=True)
    (layout.root / "pyproject.toml").write_text(PYPROJECT)
    return layout


@pytest.fixture
def make_comfyui() -> Callable[[Path, str], Path]:
    """Makes a folder that looks like a ComfyUI of some version."""

    def make(folder: Path, version: str = "0.30.0") -> Path:
        (folder / "comfy").mkdir(parents=True)
        for name in ("main.py", "nodes.py"):
            (folder / name).touch()
        (folder / "requirements.txt").write_text("aiohttp\n")
        (folder / "comfyui_version.py").write_text(f'__version__ = "{version}"\n')
        return folder

    return make


class FakePip:
    """A `pip` that every interpreter started from here finds first; it records its calls and does what a test says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "pip").mkdir(parents=True)
        (folder / "pip" / "__init__.py").touch()
        self.does("")

    def does(self, program: str) -> None:
        """What each call does from now on; `sys.argv[1:]` are pip's arguments."""
        record = f"""
            import json, sys
            with open({str(self.folder / "calls")!r}, "a") as calls:
                calls.write(json.dumps([sys.executable, *sys.argv[1:]]) + chr(10))
        """
        (self.folder / "pip" / "__main__.py").write_text(textwrap.dedent(record) + textwrap.dedent(program))

    def calls(self) -> list[list[str]]:
        """The interpreter and the arguments of each call since the last look."""
        file = self.folder / "calls"
        if not file.exists():
            return []
        calls = [json.loads(line) for line in file.read_text().splitlines()]
        file.unlink()
        return calls


@pytest.fixture
def fake_pip(tmp_path, monkeypatch) -> FakePip:
    """pip, replaced: nothing is downloaded or installed."""
    pip = FakePip(tmp_path / "fake pip")
    monkeypatch.setenv("PYTHONPATH", str(pip.folder))
    return pip


@pytest.fixture
def made_environment(clone) -> Path:
    """The clone's virtual environment, empty and without pip of its own, noted as made."""
    venv.create(clone.venv, symlinks=sys.platform != "win32", with_pip=False)
    version = ".".join(map(str, sys.version_info[:2]))
    FinishedSteps(clone.venv).finish("environment", f"{version} {clone.venv}")
    return clone.venv
