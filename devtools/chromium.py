"""The browser for the page tests: an installed one, or one that is downloaded."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .layout import Layout
from .messages import DevError, say
from .processes import run_into_log

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
WINDOWS_PLACES = (r"Google\Chrome\Application\chrome.exe", r"Chromium\Application\chrome.exe")
START_SECONDS = 120
PACKAGE = "chromium"
LOCK_SECONDS = 300  # how long apt-get waits for another one that is running

# Only Playwright itself knows where it puts the build for its version.
PATH_OF_BUILD = """
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
"""


def installed_chromium(env: Mapping[str, str] = os.environ) -> Path | None:
    """The browser named by the variable CHROMIUM, else the first one installed; None if no such browser starts."""
    if named := env.get("CHROMIUM"):
        places = [shutil.which(named, path=env.get("PATH"))]
    else:
        places = [*(shutil.which(name, path=env.get("PATH")) for name in NAMES), *_default_places(env)]
    candidates = (Path(place) for place in places if place)
    return next((place for place in candidates if place.is_file() and _starts(place, env)), None)


def provide_chromium(layout: Layout, python: Path, env: Mapping[str, str] = os.environ) -> Path:
    """
    A browser for the page tests, downloaded if necessary.

    In this order: an installed browser, the system's package if this user can install it, Playwright's own build in
    `.dev`.

    Args:
        layout: the clone.
        python: interpreter of an environment with Playwright.
        env: environment variables.

    Raises:
        DevError: no browser is available, or the one that CHROMIUM names does not start; the line says what was tried.
    """
    if found := installed_chromium(env):
        return found
    if named := env.get("CHROMIUM"):
        raise DevError(f"CHROMIUM is {named}, but no program there starts: correct the variable or unset it.")
    if found := _playwright_build(layout, python, env):
        return found
    tried = ["an installed browser (none starts)"]
    as_root = _prefix_for_root(env)
    if as_root is None:
        tried.append("apt-get (it needs Debian or Ubuntu, and root or sudo without a password)")
    else:
        say(f"the page tests need Chromium: installing the system's package {PACKAGE}")
        failure = _install_package(layout, as_root, env)
        if found := installed_chromium(env):
            return found
        tried.append(f"apt-get install {PACKAGE}: {failure or 'the installed browser does not start'}")
    say(f"the page tests need Chromium: downloading Playwright's build into {layout.shown(layout.browsers)}")
    failure = _install_playwright_build(layout, python, env, with_libraries=as_root is not None)
    if found := _playwright_build(layout, python, env):
        return found
    tried.append(f"playwright install chromium: {failure or 'it does not start because system libraries are missing'}")
    raise DevError(
        f"the page tests need Chromium or Chrome, but none is available. Tried: {'; '.join(tried)}. "
        "Install one or set CHROMIUM to its path; `python dev.py test --quick` runs without a browser. "
        f"Logs: {layout.logs}"
    )


def _default_places(env: Mapping[str, str]) -> Sequence[str]:
    if sys.platform == "darwin":
        return MAC_PLACES
    if sys.platform == "win32":
        roots = (env.get(name) for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"))
        return [str(Path(root) / place) for root in roots if root for place in WINDOWS_PLACES]
    return ()


def _starts(program: Path, env: Mapping[str, str]) -> bool:
    """Whether a browser starts; Ubuntu's `chromium-browser` may only print how to install one."""
    if sys.platform == "win32":
        return True  # there `--version` would open a window
    command = [str(program), "--version"]
    try:
        ended = subprocess.run(command, env=dict(env), capture_output=True, timeout=START_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0


def _prefix_for_root(env: Mapping[str, str]) -> list[str] | None:
    """The command prefix that lets `apt-get` install packages, or None if this user cannot."""
    if sys.platform != "linux" or shutil.which("apt-get", path=env.get("PATH")) is None:
        return None
    if os.geteuid() == 0:
        return []
    if (sudo := shutil.which("sudo", path=env.get("PATH"))) is None:
        return None
    asked = subprocess.run([sudo, "-n", "true"], env=dict(env), capture_output=True, check=False)
    return [sudo, "-n"] if asked.returncode == 0 else None


def _install_package(layout: Layout, as_root: list[str], env: Mapping[str, str]) -> str | None:
    """Installs the system's package; returns the reason if that fails."""
    apt = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}"]
    # One unreachable source makes the update fail, although the package may still be available.
    run_into_log([*apt, "update"], layout.root, env, layout.logs / "apt-update.log")
    return _failure_of([*apt, "install", "--yes", PACKAGE], layout, env, "apt-install.log")


def _install_playwright_build(layout: Layout, python: Path, env: Mapping[str, str], with_libraries: bool) -> str | None:
    """Downloads Playwright's build; returns the reason if that fails. `with_libraries` also runs apt-get."""
    options = ["--with-deps"] if with_libraries else []
    command: list[str | Path] = [python, "-m", "playwright", "install", *options, "chromium"]
    return _failure_of(command, layout, _with_browsers(layout, env), "playwright-install.log")


def _playwright_build(layout: Layout, python: Path, env: Mapping[str, str]) -> Path | None:
    """The build in `.dev`, if there is one that starts."""
    if not layout.browsers.is_dir():
        return None
    asked = subprocess.run(
        [str(python), "-c", PATH_OF_BUILD],
        cwd=python.parent,  # -c puts the working folder on the path, and Python must not find our `nodes` there
        env=_with_browsers(layout, env),
        capture_output=True,
        text=True,
        check=False,
    )
    place = Path(asked.stdout.strip())
    return place if asked.returncode == 0 and place.is_file() and _starts(place, env) else None


def _with_browsers(layout: Layout, env: Mapping[str, str]) -> dict[str, str]:
    return {**env, "PLAYWRIGHT_BROWSERS_PATH": str(layout.browsers)}


def _failure_of(command: list[str | Path], layout: Layout, env: Mapping[str, str], log: str) -> str | None:
    """Runs a program with its output in a log; returns None if it succeeds, else the line that names the error."""
    if run_into_log(command, layout.root, env, layout.logs / log) == 0:
        return None
    printed = (layout.logs / log).read_text(encoding="utf-8", errors="replace").splitlines()
    lines = [line.strip() for line in printed if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "Error:", "error:"))]
    return (errors or lines or ["it printed nothing"])[-1].rstrip(".")
