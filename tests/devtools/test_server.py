"""The server: a taken port, a host that ends at once, a pack that the real host cannot import."""

import socket
import sys
from pathlib import Path

import pytest

from devtools.command_line import main
from devtools.environment import Environment
from devtools.messages import DevError
from devtools.server import free_port, import_failure, require_free_port, running_server
from devtools.user_folder import prepare_user_folder
from devtools.workplace import Workplace

THIS_PYTHON = Environment(Path(sys.executable), (Path(sys.executable).parent,))


def test_a_taken_port_is_one_line_that_names_it_and_a_free_one(capsys):
    require_free_port(free_port())
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 1  # before anything is made
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith(f"dev.py: port {port} cannot be used (")
    assert "--port" in printed.err


def test_a_host_that_ends_at_once_is_told_with_what_it_printed(clone, tmp_path):
    broken = tmp_path / "Comfy"
    broken.mkdir()
    (broken / "main.py").write_text("raise SystemExit('a requirement is missing')")
    prepare_user_folder(clone)
    with (
        pytest.raises(DevError, match=r"^ComfyUI stopped with code 1\. Its log: .*log\na requirement is missing$"),
        running_server(Workplace(clone, broken, THIS_PYTHON), free_port()),
    ):
        pass


@pytest.mark.server
def test_a_pack_that_the_host_cannot_import_is_told_with_the_traceback(clone, comfyui):
    (clone.root / "__init__.py").write_text("from . import core_that_is_not_there\n")
    prepare_user_folder(clone)
    with (
        pytest.raises(DevError, match=r"^ComfyUI could not load the pack\. Its log: ") as failure,
        running_server(Workplace(clone, comfyui, THIS_PYTHON), free_port()),
    ):
        pass
    lines = str(failure.value).splitlines()
    assert "Traceback (most recent call last)" in lines[1]
    assert "core_that_is_not_there" in lines[-1]
    assert "Cannot import" in lines[-1]


def test_other_packs_and_other_lines_are_not_taken_for_ours():
    ours = "Error while calling comfy_entrypoint in /x/custom_nodes/ComfyUI-Inbetween: no such thing"
    other = "Traceback (most recent call last):\nImportError\nCannot import /x/custom_nodes/other module"
    assert import_failure(f"{other}\nstarting\n{ours}\nImport times") == ours
    assert import_failure("Import times for custom nodes:\n 0.0 seconds: /x/custom_nodes/ComfyUI-Inbetween\n") == ""
