"""Finding the browser that the page tests drive."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from .messages import DevError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
WINDOWS_PLACES = (r"Google\Chrome\Application\chrome.exe", r"Chromium\Application\chrome.exe")
HOW_TO_GET_IT = {
    "linux": "install it (Debian and Ubuntu: `apt-get install chromium`)",
    "darwin": "install it (`brew install --cask chromium`, or Google Chrome)",
    "win32": "install Google Chrome",
}


def find_chromium(env: Mapping[str, str] = os.environ) -> Path:
    """The browser of the variable CHROMIUM, else the installed one; raises DevError that says how to get one."""
    if named := env.get("CHROMIUM"):
        if found := shutil.which(named, path=env.get("PATH")):
            return Path(found)
        raise DevError(f"CHROMIUM is {named}, and no program is there: correct it or leave it unset.")
    installed = (shutil.which(name, path=env.get("PATH")) for name in NAMES)
    for candidate in (*installed, *_default_places(env)):
        if candidate and Path(candidate).is_file():
            return Path(candidate)
    advice = HOW_TO_GET_IT.get(sys.platform, "install it")
    raise DevError(f"the page tests need Chromium or Chrome and none was found: {advice}, or set CHROMIUM to its path.")


def _default_places(env: Mapping[str, str]) -> list[str]:
    if sys.platform == "darwin":
        return list(MAC_PLACES)
    if sys.platform == "win32":
        roots = (env.get(name) for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"))
        return [str(Path(root) / place) for root in roots if root for place in WINDOWS_PLACES]
    return []
