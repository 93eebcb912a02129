"""What of the command line is dev.py's, and what is passed on."""

import json
import subprocess
import sys
from pathlib import Path

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
    assert capsys.readouterr().err.startswith("dev.py: there is no benchmark 'no such one'; choose from: ")


def test_the_help_is_shown_without_making_anything(tmp_path):
    ended = subprocess.run([sys.executable, str(ROOT / "dev.py"), "-h"], capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert all(command in ended.stdout for command in ("demo", "test", "serve", "lint", "bench"))


class StandInPytest:
    """A program in the place of pytest that notes how it was called; `ends` has its exit codes, call by call."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.place = Workplace(Layout(folder), folder / "Comfy", Environment(folder / "python", (folder,)))
        if sys.platform == "win32":
            (folder / "pytest.bat").write_text(f'@"{sys.executable}" "{folder / "seen.py"}" %*\n')
        else:
            (folder / "pytest").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{folder / "seen.py"}" "$@"\n')
            (folder / "pytest").chmod(0o755)
        (folder / "seen.py").write_text(
            "import json, os, sys\n"
            "seen = [os.environ['COMFYUI_PATH'], os.environ.get('CHROMIUM'), *sys.argv[1:]]\n"
            "with open('seen', 'a') as calls: print(json.dumps(seen), file=calls)\n"
            "ends = json.load(open('ends'))\n"
            "json.dump(ends[1:], open('ends', 'w'))\n"
            "sys.exit(ends[0])\n"
        )

    def ends(self, *codes: int) -> None:
        (self._folder / "ends").write_text(json.dumps(codes))

    def calls(self) -> list[list[str | None]]:
        """COMFYUI_PATH, CHROMIUM and the arguments of every call."""
        return [json.loads(line) for line in (self._folder / "seen").read_text().splitlines()]


@pytest.fixture
def stand_in(tmp_path, monkeypatch) -> StandInPytest:
    """pytest, replaced, on a machine without a browser, where fetching one gives `fetched`."""
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(commands, "installed_chromium", lambda _: None)
    monkeypatch.setattr(commands, "provide_chromium", lambda *_: Path("fetched"))
    return StandInPytest(tmp_path)


def test_the_exit_code_is_passed_on_and_the_tests_know_host_and_browser(stand_in, tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "installed_chromium", lambda _: tmp_path / "chromium")
    stand_in.ends(1)
    assert commands.test(stand_in.place, ["-k", "a b"], quick=False) == 1
    [call] = stand_in.calls()
    assert call == [str(tmp_path / "Comfy"), str(tmp_path / "chromium"), *commands.TWO_WORKERS, "-k", "a b"]


def test_the_whole_suite_gets_a_browser_where_there_is_none(stand_in):
    stand_in.ends(0)
    assert commands.test(stand_in.place, [], quick=False) == 0
    [call] = stand_in.calls()
    assert call[1] == "fetched"


@pytest.mark.parametrize(("page_tests", "browser"), [(0, "fetched"), (commands.NOTHING_COLLECTED, None)])
def test_some_tests_get_a_browser_only_if_one_of_them_needs_it(stand_in, page_tests, browser):
    stand_in.ends(page_tests, 0)
    assert commands.test(stand_in.place, ["tests/core"], quick=False) == 0
    collected, ran = stand_in.calls()
    assert collected[2:] == ["tests/core", "--collect-only", "--quiet", "--kinds", "page"]
    assert ran[1:] == [browser, *commands.TWO_WORKERS, "tests/core"]


def test_quick_asks_for_no_browser_and_for_the_quick_kinds(stand_in, capsys):
    stand_in.ends(0)
    assert commands.test(stand_in.place, ["tests/core"], quick=True) == 0
    [call] = stand_in.calls()
    assert call[1] is None
    assert call[-3:] == ["--kinds", "pure,host", "tests/core"]
    assert capsys.readouterr().out == ""


def test_quick_says_why_nothing_ran(stand_in, capsys):
    stand_in.ends(commands.NOTHING_COLLECTED)
    assert commands.test(stand_in.place, ["tests/browser"], quick=True) == commands.NOTHING_COLLECTED
    assert capsys.readouterr().out.startswith("dev.py: --quick runs only tests of the kinds pure,host, ")


def test_quick_belongs_to_dev_py():
    options, rest = parser().parse_known_args(["test", "-x", "--quick", "tests/core"])
    assert options.quick
    assert rest == ["-x", "tests/core"]


def test_lint_is_all_three_checks_and_fails_with_any_of_them(tmp_path, monkeypatch):
    place = Workplace(Layout(tmp_path), tmp_path, Environment(tmp_path / "python", (tmp_path,)))
    monkeypatch.setattr(Environment, "script", lambda _, name: Path(name))
    for failing in range(3):
        calls: list[list[str]] = []

        def run(command: list, *_: object, calls: list = calls, failing: int = failing) -> int:
            calls.append([str(part) for part in command])
            return 7 if len(calls) == failing + 1 else 0

        monkeypatch.setattr(commands, "run_in_foreground", run)
        assert commands.lint(place) == 7
        assert [call[:2] for call in calls] == [["ruff", "check"], ["ruff", "format"], ["mypy", commands.TYPED[0]]]
        assert "--check" in calls[1]


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_serve_opens_the_page_if_it_is_asked_to(tmp_path):
    """By the browser that the variable BROWSER names, and where none can be had it says so."""
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    program.chmod(0o755)
    code = "from devtools.commands import open_page; open_page('http://127.0.0.1:8188')"
    lacking = "found no browser: open http://127.0.0.1:8188"
    for browser, printed in ((f"{program} %s", ""), ("/nowhere/browser", lacking)):
        env = {"BROWSER": browser, "PATH": "/nowhere"}
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=env)
        assert ended.returncode == 0, ended.stderr
        assert printed in ended.stdout
    assert (tmp_path / "opened").read_text() == "http://127.0.0.1:8188\n"
    assert parser().parse_args(["serve", "--open"]).open
