"""Marking, ordering and selecting tests by what they need, tried on a small separate suite."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from project_paths import HARNESS

CONFTEST = """
import pytest
from kinds import *
@pytest.fixture(scope="session")
def host(): pass
@pytest.fixture(scope="session")
def tiny_models(host): pass
@pytest.fixture(scope="session")
def server(tiny_models): pass
@pytest.fixture(scope="module")
def browser(): pass
@pytest.fixture
def page(browser, server): pass
"""
TESTS = """
import pytest
def test_page(page): pass
def test_server(server): pass
@pytest.mark.parametrize("value", ["a@b", "c"])
def test_host(host, value): pass
def test_models(tiny_models): pass
def test_pure(): pass
"""
FILES = ("test_first.py", "test_second.py")


@pytest.fixture
def suite(tmp_path) -> Path:
    """Two files with the same tests of every kind."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "conftest.py").write_text(CONFTEST)
    for file in FILES:
        (tmp_path / "tests" / file).write_text(TESTS)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\ntestpaths = tests\naddopts = --strict-markers -p no:cacheprovider\n"
    )
    return tmp_path


def run(suite: Path, *arguments: str) -> tuple[int, list[str]]:
    """The exit code, and what was printed."""
    command = [sys.executable, "-m", "pytest", *arguments]
    env = os.environ | {
        "PYTHONPATH": str(HARNESS),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_PLUGINS": "xdist.plugin",
    }
    ended = subprocess.run(command, capture_output=True, text=True, cwd=suite, env=env, check=False)
    return ended.returncode, (ended.stdout + ended.stderr).splitlines()


def names(lines: list[str]) -> list[str]:
    return [line.partition("::")[2].split("[")[0].split()[0] for line in lines if "::" in line]


def test_quick_kinds_come_first_whatever_their_files(suite):
    _, lines = run(suite, "--collect-only", "-q")
    assert (
        names(lines)
        == ["test_pure"] * 2 + ["test_host"] * 4 + ["test_models"] * 2 + ["test_server"] * 2 + ["test_page"] * 2
    )


@pytest.mark.parametrize(("asked", "kept"), [("pure,host", {"test_pure", "test_host"}), ("page", {"test_page"})])
def test_only_the_kinds_that_are_asked_for_run(suite, asked, kept):
    code, lines = run(suite, "-v", "--kinds", asked)
    assert code == 0
    assert set(names(lines)) == kept
    assert "deselected" in lines[-1]


def test_a_server_of_its_own_makes_it_a_test_of_the_server(suite):
    (suite / "tests" / "test_second.py").write_text("import pytest\n@pytest.mark.server\ndef test_own(host): pass\n")
    _, lines = run(suite, "-v", "--kinds", "server", "tests/test_second.py")
    assert names(lines) == ["test_own"]


def test_a_kind_can_be_asked_for_as_a_mark(suite):
    _, lines = run(suite, "-v", "-m", "server and not page")
    assert set(names(lines)) == {"test_server"}


def test_an_unknown_kind_is_refused(suite):
    code, lines = run(suite, "--kinds", "pure,slow")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "there is no kind slow; there are pure, host, models, server, page" in "\n".join(lines)


def test_where_nothing_is_left_the_exit_code_says_so(suite):
    (suite / "tests" / "test_second.py").write_text("def test_page(browser): pass\n")
    assert run(suite, "--kinds", "pure", "tests/test_second.py")[0] == pytest.ExitCode.NO_TESTS_COLLECTED


THREADS = """
import os
def test_host(host): assert int(os.environ["OMP_NUM_THREADS"]) == max(1, os.cpu_count() // 2)
"""
TWO = ("-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder")


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core")
def test_two_processes_share_the_suite_file_by_file_the_slow_kinds_first(suite):
    (suite / "tests" / "test_first.py").write_text("def test_pure(): pass\ndef test_both(): assert False\n")
    (suite / "tests" / "test_third.py").write_text(THREADS)
    code, lines = run(suite, *TWO, "-v", "-rf")
    assert code == pytest.ExitCode.TESTS_FAILED
    process = {line.split()[-1]: line.split()[0] for line in lines if line.startswith("[gw") and "%]" in line}
    assert len(process) == 9
    assert set(process.values()) == {"[gw0]", "[gw1]"}
    for file in ("test_first.py", "test_second.py"):  # what a module shares is made once
        assert len({process[name] for name in process if file in name}) == 1
    assert process["tests/test_third.py::test_host"] != process["tests/test_second.py::test_page"]
    assert [line.split()[1] for line in lines if line.startswith("FAILED")] == ["tests/test_first.py::test_both"]


@pytest.mark.parametrize("arguments", [["tests/test_first.py"], ["-s"]])
def test_a_chosen_file_and_output_at_once_run_in_one_process(suite, arguments):
    code, lines = run(suite, *TWO, *arguments)
    assert code == 0
    assert not any("2 workers" in line or "[gw0]" in line for line in lines)
