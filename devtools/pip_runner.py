"""Running pip, with its output in a log file and its failures reported in one line."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from .messages import DevError
from .processes import run_into_log

# The first pattern found in pip's output gives the cause. The last line is not enough: if pip cannot reach an index, it
# ends by saying that there is no such version.
CAUSES = (
    (
        r"No space left on device|Errno 28\b|Disk quota exceeded|WinError 112\b|not enough space on the disk",
        "the disk is full: free up space",
    ),
    (r"DO NOT MATCH THE HASHES", "the download is not the expected file (wrong sha256)"),
    (
        r"Retrying \(Retry|NewConnectionError|ConnectionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError"
        r"|Max retries exceeded|IncompleteRead|Connection broken|Name or service not known|name resolution",
        "the download failed: check the connection, the proxy and pip's own configuration",
    ),
)


def run_pip(python: Path, arguments: Sequence[str | Path], folder: Path, log: Path, purpose: str) -> None:
    """
    Runs pip with the user's own pip configuration.

    Args:
        python: interpreter whose pip to run.
        arguments: arguments for pip.
        folder: working folder.
        log: file for pip's output.
        purpose: the purpose for messages, such as "installing torch".

    Raises:
        DevError: pip failed; the line says why and names the log.
    """
    command = [python, "-m", "pip", *arguments, "--disable-pip-version-check", "--no-input"]
    if run_into_log(command, folder, os.environ, log) != 0:
        output = log.read_text(encoding="utf-8", errors="replace")
        cause = cause_of_failure(output)
        raise DevError(f"{purpose} failed: {cause}. Then run the same command again. pip's log: {log}")


def cause_of_failure(output: str) -> str:
    """The cause in one line, from everything that pip printed."""
    for pattern, cause in CAUSES:
        if re.search(pattern, output):
            return cause
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    # "ERROR: Exception:" precedes a traceback, whose last line is the cause
    errors = [line for line in lines if line.lower().startswith("error:") and line != "ERROR: Exception:"]
    lines = errors or lines
    return lines[-1].rstrip(".") if lines else "pip printed nothing"
