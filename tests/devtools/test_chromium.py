"""Getting the browser, each way with stand-ins for the programs that would install one."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from devtools.chromium import installed_chromium, provide_chromium
from devtools.messages import DevError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are shell scripts")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="packages are installed on Linux only")

BROWSER = 'test "$1" = --version && echo Chromium 100'
STUB = "echo 'install the snap'; exit 1"  # what Ubuntu has under this name
PLAYWRIGHT_PROGRAM = """
import os, pathlib, sys
with open({calls!r}, "a") as calls:
    print("playwright", *sys.argv[1:], file=calls)
{failure}
build = pathlib.Path(os.environ["PLAYWRIGHT_BROWSERS_PATH"], "chromium-1", "chrome")
build.parent.mkdir(parents=True)
build.write_text({script!r})
build.chmod(0o755)
"""
PLAYWRIGHT_API = """
import contextlib, os, types
@contextlib.contextmanager
def sync_playwright():
    path = os.path.join(os.environ["PLAYWRIGHT_BROWSERS_PATH"], "chromium-1", "chrome")
    yield types.SimpleNamespace(chromium=types.SimpleNamespace(executable_path=path))
"""


class Machine:
    """A machine whose only programs are those that a test puts there, each of which notes that it was called."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._calls = folder / "calls"
        self.bin = folder / "bin"
        self.bin.mkdir()
        (self.bin / "env").symlink_to(shutil.which("env"))
        self._modules = folder / "modules"
        self._package = self._modules / "playwright"
        self._package.mkdir(parents=True)
        (self._package / "__init__.py").touch()
        (self._package / "sync_api.py").write_text(PLAYWRIGHT_API)
        self.env: Mapping[str, str] = {"PATH": str(self.bin), "PYTHONPATH": str(self._modules)}
        self.user(root=False)
        self.offers_build("sys.exit('Error: no network')")

    def program(self, name: str, script: str) -> Path:
        """Puts a shell script on the PATH, which notes its call under its name."""
        file = self.bin / name
        file.write_text(f'#!/bin/sh\necho {name} "$@" >> "{self._calls}"\n{script}\n')
        file.chmod(0o755)
        return file

    def browser(self, name: str, script: str = BROWSER) -> Path:
        file = self.bin / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file

    def packages(self, script: str) -> None:
        """An apt-get whose `install` does this."""
        self.program("apt-get", f'PATH=/usr/bin:/bin\ncase "$*" in *install*)\n{script}\n;; esac')

    def package_with(self, browser: str) -> None:
        """An apt-get whose package is a browser with this script."""
        file = self.bin / "chromium"
        self.packages(f"printf '%s\\n' '#!/bin/sh' {shell(browser)} > '{file}'; chmod 755 '{file}'")

    def user(self, root: bool) -> None:
        self._monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)

    def offers_build(self, failure: str = "", browser: str = BROWSER) -> None:
        """What Playwright's installation does: it fails, or makes a browser with this script."""
        script = f"#!/bin/sh\n{browser}\n"
        program = PLAYWRIGHT_PROGRAM.format(calls=str(self._calls), failure=failure, script=script)
        (self._package / "__main__.py").write_text(program)

    def calls(self) -> list[str]:
        """The calls since the last look."""
        lines = self._calls.read_text().splitlines() if self._calls.exists() else []
        self._calls.unlink(missing_ok=True)
        return lines


def shell(text: str) -> str:
    """A text as one word of a shell script."""
    return "'" + text.replace("'", "'\\''") + "'"


@pytest.fixture
def machine(tmp_path, monkeypatch) -> Machine:
    """No browser, no package manager, no network, and a user who is not root."""
    monkeypatch.setattr("devtools.chromium.MAC_PLACES", ())
    return Machine(tmp_path, monkeypatch)


def provided(clone, machine: Machine, **more: str) -> Path:
    return provide_chromium(clone, Path(sys.executable), {**machine.env, **more})


# ----------------------------------------------------------------------------------------------- one that is there


def test_the_named_one_comes_before_the_installed_one(clone, machine):
    machine.browser("chromium")
    own = machine.browser("my own")
    assert provided(clone, machine, CHROMIUM=str(own)) == own
    assert provided(clone, machine, CHROMIUM="my own") == own  # by the PATH
    assert machine.calls() == []


@pytest.mark.parametrize("named", ["/nowhere", "chromium-browser"])
def test_a_wrong_name_is_refused_and_nothing_is_installed_in_its_place(clone, machine, named):
    machine.user(root=True)
    machine.package_with(BROWSER)
    machine.browser("chromium-browser", STUB)
    with pytest.raises(DevError, match=rf"^CHROMIUM is {named}, but no program there starts: correct the variable"):
        provided(clone, machine, CHROMIUM=named)
    assert machine.calls() == []


def test_the_first_installed_one_that_starts_is_taken(clone, machine, capsys):
    machine.user(root=True)
    machine.package_with(BROWSER)
    machine.browser("chromium-browser", STUB)
    chrome = machine.browser("google-chrome")
    assert installed_chromium(machine.env) == chrome
    assert provided(clone, machine) == chrome
    assert machine.calls() == []
    assert capsys.readouterr().out == ""


def test_where_there_is_none_the_cheap_look_installs_nothing(machine):
    machine.user(root=True)
    machine.package_with(BROWSER)
    assert installed_chromium(machine.env) is None
    assert machine.calls() == []


# ----------------------------------------------------------------------------------------- the system's own package


@on_linux
def test_root_gets_the_package_of_the_system(clone, machine, capsys):
    machine.user(root=True)
    machine.package_with(BROWSER)
    assert provided(clone, machine) == machine.bin / "chromium"
    update, install = machine.calls()
    assert update.endswith(" update")
    assert install.endswith(" install --yes chromium")
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert provided(clone, machine) == machine.bin / "chromium"
    assert machine.calls() == []


@on_linux
def test_sudo_without_a_password_gets_it_too(clone, machine):
    machine.program("sudo", f'test "$1" = -n || exit 1\nshift\nPATH="{machine.bin}:/usr/bin:/bin" exec "$@"')
    machine.package_with(BROWSER)
    assert provided(clone, machine) == machine.bin / "chromium"
    programs = [call.split()[0] for call in machine.calls()]
    assert programs == ["sudo", "sudo", "apt-get", "sudo", "apt-get"]  # the first asks whether it may


@on_linux
def test_a_source_that_cannot_be_updated_is_no_reason_to_give_up(clone, machine):
    machine.user(root=True)
    machine.package_with(BROWSER)
    file = machine.bin / "apt-get"
    file.write_text(file.read_text() + 'case "$*" in *update*) exit 100;; esac\n')
    assert provided(clone, machine) == machine.bin / "chromium"


# ------------------------------------------------------------------------------------------- Playwright's own build


def test_else_playwrights_build_comes_into_the_clone_once(clone, machine, capsys):
    machine.offers_build()
    found = provided(clone, machine)
    assert found == clone.browsers / "chromium-1" / "chrome"
    assert machine.calls() == ["playwright install chromium"]
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert provided(clone, machine) == found
    assert machine.calls() == []


@on_linux
def test_sudo_that_wants_a_password_is_not_used(clone, machine):
    machine.program("sudo", "exit 1")
    machine.package_with(BROWSER)
    machine.offers_build()
    assert provided(clone, machine).is_relative_to(clone.browsers)
    assert machine.calls() == ["sudo -n true", "playwright install chromium"]


@on_linux
@pytest.mark.parametrize("broken", ["echo 'E: Unable to locate package chromium'; exit 100", None])
def test_where_the_package_is_missing_or_a_stub_playwright_brings_the_libraries_too(clone, machine, broken):
    machine.user(root=True)
    if broken:
        machine.packages(broken)
    else:
        machine.package_with(STUB)
    machine.offers_build()
    assert provided(clone, machine).is_relative_to(clone.browsers)
    assert machine.calls()[-1] == "playwright install --with-deps chromium"


# ---------------------------------------------------------------------------------------------------- no way is left


@on_linux
def test_if_no_way_is_left_one_line_says_what_was_tried(clone, machine):
    machine.user(root=True)
    machine.packages("echo 'E: Unable to locate package chromium'; exit 100")
    with pytest.raises(DevError) as failure:
        provided(clone, machine)
    line = str(failure.value)
    assert "\n" not in line
    for part in (
        "an installed browser (none starts); ",
        "apt-get install chromium: E: Unable to locate package chromium; ",
        "playwright install chromium: Error: no network. ",
        "set CHROMIUM to its path",
        "--quick",
        str(clone.logs),
    ):
        assert part in line
    assert "Unable to locate" in (clone.logs / "apt-install.log").read_text()
    assert "no network" in (clone.logs / "playwright-install.log").read_text()


def test_a_build_that_lacks_libraries_is_not_taken(clone, machine):
    machine.offers_build(browser="echo 'libnss3.so: cannot open shared object file' >&2; exit 127")
    with pytest.raises(DevError, match=r"apt-get \(it needs .*playwright install chromium: it does not start"):
        provided(clone, machine)
