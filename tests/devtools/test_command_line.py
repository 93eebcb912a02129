"""What of the command line is dev.py's, and what is passed on."""

import json
import subprocess
import sys

import pytest
from project_paths import ROOT

from devtools import commands
from devtools.command_line import main, parser
from devtools.environment import Environment
from devtools.layout import Layout
from devtools.workplace import Workplace


def test_everything_else_goes_to_pytest_in_its_order():
    before = ["-k", "a or b", "tests/core"]
    after = ["-x", "--co", "--install-less", "-p", "no:cacheprovider", "tests/a.py::b"]
    options, rest = parser().parse_known_args(["test", *before, "--python", "P", *after])
    assert (options.python, options.install) == ("P", False)
    assert rest == before + after


@pytest.mark.parametrize("line", [["demo", "--fast"], ["serve", "8188"], ["lint", "core"], [], ["build"]])
def test_an_unknown_word_is_refused(line, capsys):
    with pytest.raises(SystemExit) as ended:
        main(line)
    assert ended.value.code == 2
    assert capsys.readouterr().err


def test_benchmarks_are_listed_with_their_first_line(clone, capsys):
    folder = clone.root / "benchmarks"
    folder.mkdir()
    (folder / "speed.py").write_text('"""\nHow fast it is.\n\nMore.\n"""\n')
    (folder / "_shared.py").touch()
    commands.list_benchmarks(clone)
    assert capsys.readouterr().out.split() == ["speed", "How", "fast", "it", "is."]


def test_a_benchmark_that_is_not_there_is_told_in_one_line(capsys):
    assert main(["bench", "no such one"]) == 1
    assert capsys.readouterr().err.startswith("dev.py: there is no benchmark 'no such one'; there are: ")


def test_the_help_is_shown_without_making_anything(tmp_path):
    ended = subprocess.run([sys.executable, str(ROOT / "dev.py"), "-h"], capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert all(command in ended.stdout for command in ("demo", "test", "serve", "lint", "bench"))


def test_the_programs_end_code_is_passed_on_and_the_tests_know_host_and_browser(tmp_path):
    place = Workplace(Layout(tmp_path), tmp_path / "Comfy", Environment(tmp_path / "python", (tmp_path,)))
    if sys.platform == "win32":
        program = f'@"{sys.executable}" "{tmp_path / "seen.py"}" %*\n'
        (tmp_path / "pytest.bat").write_text(program)
    else:
        (tmp_path / "pytest").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path / "seen.py"}" "$@"\n')
        (tmp_path / "pytest").chmod(0o755)
    (tmp_path / "seen.py").write_text(
        "import json, os, sys\n"
        "seen = [os.environ['COMFYUI_PATH'], os.environ['CHROMIUM'], *sys.argv[1:]]\n"
        "open('seen.json', 'w').write(json.dumps(seen))\n"
        "sys.exit(5)\n"
    )
    assert commands.test(place, ["-k", "a b"], tmp_path / "chromium") == 5
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen == [str(tmp_path / "Comfy"), str(tmp_path / "chromium"), "-k", "a b"]


def test_serve_opens_the_page_if_it_is_asked_to(tmp_path):
    """By the browser that the variable BROWSER names, and where none can be had it says so."""
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    program.chmod(0o755)
    code = "from devtools.commands import open_page; open_page('http://127.0.0.1:8188')"
    lacking = "no browser was found: open http://127.0.0.1:8188"
    for browser, printed in ((f"{program} %s", ""), ("/nowhere/browser", lacking)):
        env = {"BROWSER": browser, "PATH": "/nowhere"}
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=env)
        assert ended.returncode == 0, ended.stderr
        assert printed in ended.stdout
    assert (tmp_path / "opened").read_text() == "http://127.0.0.1:8188\n"
    assert parser().parse_args(["serve", "--open"]).open
