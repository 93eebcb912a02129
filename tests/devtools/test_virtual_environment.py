"""The environment in .dev: each step once, and again only for a reason."""

import sys
from collections import namedtuple
from pathlib import Path

import pytest

from devtools.environment import venv_python
from devtools.messages import DevError
from devtools.virtual_environment import TORCH, ensure_environment, install_everything, installed_part


@pytest.fixture
def requirements(tmp_path) -> Path:
    """Requirements of a host."""
    file = tmp_path / "requirements.txt"
    file.write_text("torch\naiohttp\n")
    return file


@pytest.fixture(autouse=True)
def room(monkeypatch):
    """Enough room on the disk, whatever this machine has."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: namedtuple("usage", "free")(10**12))


def test_everything_is_installed_once_and_torch_stays_where_it_was_put(clone, made_environment, fake_pip, requirements):
    install_everything(clone, requirements, "http://index.example/cpu")
    torch, host, pack = fake_pip.calls()
    assert {Path(call[0]) for call in (torch, host, pack)} == {venv_python(clone.venv)}
    assert torch[1:7] == ["install", *TORCH, "--index-url", "http://index.example/cpu"]
    for call in (host, pack):
        assert set(TORCH) < set(call)
        assert "--index-url" not in call
    assert str(requirements) in host
    assert ".[dev]" in pack
    ensure_environment(clone, None)
    install_everything(clone, requirements, None)
    assert fake_pip.calls() == []


def test_a_failed_step_is_done_again_and_finished_ones_are_not(clone, made_environment, fake_pip, requirements):
    fake_pip.does("sys.exit('--editable' in sys.argv)")
    with pytest.raises(DevError, match=r"^installing the pack"):
        install_everything(clone, requirements, None)
    assert len(fake_pip.calls()) == 3
    fake_pip.does("")
    install_everything(clone, requirements, None)
    [call] = fake_pip.calls()
    assert "--editable" in call


def test_only_what_changed_is_installed_again(clone, made_environment, fake_pip, requirements):
    install_everything(clone, requirements, None)
    fake_pip.calls()
    project = clone.root / "pyproject.toml"
    project.write_text(project.read_text().replace("line-length = 120", "line-length = 100"))
    install_everything(clone, requirements, None)
    assert fake_pip.calls() == []
    project.write_text(project.read_text().replace('name = "inbetween"', 'name = "inbetween"\ndependencies = ["cv"]'))
    install_everything(clone, requirements, None)
    [call] = fake_pip.calls()
    assert "--editable" in call
    requirements.write_text("torch\n")
    install_everything(clone, requirements, None)
    [call] = fake_pip.calls()
    assert str(requirements) in call


def test_too_little_room_stops_before_pip(clone, made_environment, fake_pip, requirements, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: namedtuple("usage", "free")(3 * 10**9))
    line = r"^installing torch and ComfyUI needs about \d+ GB, but .* has only 3\.0 GB free"
    with pytest.raises(DevError, match=line):
        install_everything(clone, requirements, None)
    (clone.venv / "finished-steps" / "environment").unlink()
    with pytest.raises(DevError, match=line):
        ensure_environment(clone, None)
    assert fake_pip.calls() == []


def test_an_environment_that_was_interrupted_or_moved_is_made_anew(clone, made_environment, monkeypatch):
    commands = []

    def make(command: list, *_: object) -> int:
        commands.append([str(part) for part in command])
        return 0

    monkeypatch.setattr("devtools.virtual_environment.run_into_log", make)
    ensure_environment(clone, None)
    assert commands == []
    note = clone.venv / "finished-steps" / "environment"
    note.write_text(note.read_text() + " that was elsewhere")
    ensure_environment(clone, None)
    note.unlink()
    ensure_environment(clone, None)
    assert commands == [[sys.executable, "-m", "venv", "--clear", str(clone.venv)]] * 2
    ensure_environment(clone, None)
    assert len(commands) == 2


def test_the_part_of_pyproject_that_pip_acts_on():
    sections = ("[build-system]", "[project.urls]", "[tool.setuptools]", "[tool.ruff]", "[[tool.mypy.overrides]]")
    text = "".join(f"{section}\nkey = 1\n" for section in sections)
    assert installed_part(text) == "".join(f"{section}\nkey = 1\n" for section in sections[:3]).strip()
