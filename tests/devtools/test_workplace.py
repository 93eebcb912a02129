"""Which ComfyUI and which Python a command uses, and that nothing is installed where it was not asked for."""

import sys
import venv
from pathlib import Path

import pytest

from devtools import workplace
from devtools.environment import venv_python
from devtools.layout import Layout
from devtools.messages import DevError
from devtools.workplace import Choices, prepare


@pytest.fixture
def empty_python(tmp_path) -> Path:
    """An environment of the user that has no modules."""
    venv.create(tmp_path / "own", symlinks=sys.platform != "win32", with_pip=False)
    return venv_python(tmp_path / "own")


def test_a_named_python_gets_nothing_and_is_told_what_to_do(clone, tmp_path, make_comfyui, empty_python, fake_pip):
    host = make_comfyui(tmp_path / "Comfy")
    with pytest.raises(DevError) as refused:
        prepare(clone, Choices("demo", comfyui=str(host), python=str(tmp_path / "own")), {})
    line = str(refused.value)
    assert line.startswith(f"{empty_python} lacks torch, ")
    assert "cv2, einops, numpy, safetensors, comfy_cli: run the command again with --install" in line
    assert line.endswith(f'-m pip install -r "{host / "requirements.txt"}" -e "{clone.root}[dev]"')
    assert "\n" not in line
    assert fake_pip.calls() == []


def test_install_puts_what_lacks_into_the_named_python(clone, tmp_path, make_comfyui, empty_python, fake_pip):
    modules = " ".join(workplace.MODULES_OF_COMMANDS["lint"])
    fake_pip.does(
        f"""
        import pathlib
        for name in {modules!r}.split():
            pathlib.Path({str(fake_pip.folder)!r}, name + ".py").touch()
        """
    )
    host = make_comfyui(tmp_path / "Comfy")
    place = prepare(clone, Choices("lint", comfyui=str(host), python=str(empty_python), install=True), {})
    [call] = fake_pip.calls()  # neither torch nor the host's requirements: `lint` needs none of them
    assert call[0] == str(empty_python)
    assert call[1:4] == ["install", "--editable", ".[dev]"]
    assert (place.environment.python, place.host) == (empty_python, host)


def test_in_custom_nodes_the_host_and_its_own_python_are_used(tmp_path, make_comfyui, fake_pip):
    host = make_comfyui(tmp_path / "Comfy")
    venv.create(host / "venv", symlinks=sys.platform != "win32", with_pip=False)
    layout = Layout(host / "custom_nodes" / "some clone")
    layout.root.mkdir(parents=True)
    with pytest.raises(DevError) as refused:
        prepare(layout, Choices("serve"), {})
    assert str(refused.value).startswith(f"{venv_python(host / 'venv')} lacks torch, ")
    assert fake_pip.calls() == []


def test_a_package_of_another_clone_counts_as_lacking(clone, tmp_path, make_comfyui):
    host = make_comfyui(tmp_path / "Comfy")  # this Python has the pack, installed from where these tests are
    with pytest.raises(DevError, match=r"lacks comfyui_inbetween:"):
        prepare(clone, Choices("bench", comfyui=str(host), python=sys.executable), {})


def test_nothing_is_made_for_a_wrong_or_old_host(clone, tmp_path, make_comfyui):
    with pytest.raises(DevError, match=r"^COMFYUI_PATH is "):
        prepare(clone, Choices("demo"), {"COMFYUI_PATH": str(tmp_path / "nowhere")})
    with pytest.raises(DevError, match=r"is version 0\.25\.9"):
        prepare(clone, Choices("demo", comfyui=str(make_comfyui(tmp_path / "Comfy", "0.25.9"))), {})
    assert not clone.dev.exists()


def test_a_python_that_is_not_there_is_told_in_one_line(clone, tmp_path, make_comfyui):
    host = make_comfyui(tmp_path / "Comfy")
    with pytest.raises(DevError, match=r"^--python is .*, but there is no Python"):
        prepare(clone, Choices("demo", comfyui=str(host), python=str(tmp_path / "no python")), {})
