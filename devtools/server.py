"""The real ComfyUI server: starting it with the pack, waiting for it, checking it, stopping it."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .messages import DevError, say
from .processes import stop
from .user_folder import PACK_FOLDER
from .workplace import Workplace

ADDRESS = "127.0.0.1"
NODE_OF_THE_PACK = "InbetweenKeyframes"
START_SECONDS = 300  # the first start compiles thousands of files, which takes long on a slow disk
LOG_LINES_SHOWN = 25
# A proxy in the environment is not for requests to this machine.
_local = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Server:
    """A running server, and the file with its output."""

    url: str
    log: Path
    process: subprocess.Popen


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind((ADDRESS, 0))
        return listener.getsockname()[1]


def require_free_port(port: int) -> None:
    """Raises DevError if a port is taken."""
    with socket.socket() as listener:
        if sys.platform != "win32":
            # as the server does: a port that was in use a moment ago is free; on Windows this would hide a taken port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((ADDRESS, port))
        except (OSError, OverflowError) as error:
            advice = f"choose another one, such as --port {free_port()}"
            raise DevError(f"port {port} cannot be used ({error}): {advice}.") from error


@contextmanager
def running_server(workplace: Workplace, port: int) -> Iterator[Server]:
    """A server with the pack, ready for prompts; it stops when the context ends."""
    log = workplace.layout.logs / "server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    device = [] if workplace.environment.has_accelerator() else ["--cpu"]
    command = [
        *(str(workplace.environment.python), "-u", "main.py", "--listen", ADDRESS, "--port", str(port)),
        *("--base-directory", str(workplace.layout.user), "--database-url", "sqlite:///:memory:"),
        *("--disable-auto-launch", "--disable-api-nodes", "--preview-method", "latent2rgb"),
        *device,
    ]
    say(f"starting ComfyUI on the {'CPU' if device else 'GPU'}")
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=workplace.host,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        server = Server(f"http://{ADDRESS}:{port}", log, process)
        _wait_until_up(server)
        _require_pack(server)
        yield server
    finally:
        stop(process)


def _wait_until_up(server: Server) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if server.process.poll() is not None:
            code = server.process.returncode
            raise DevError(f"ComfyUI stopped with code {code}. Its log: {server.log}\n{_last_lines(server)}")
        try:
            with _local.open(f"{server.url}/system_stats", timeout=10):
                return
        except OSError:
            time.sleep(0.2)  # nothing listens yet, and there is no event to wait for
    raise DevError(f"ComfyUI did not answer within {START_SECONDS} s. Its log: {server.log}\n{_last_lines(server)}")


def _require_pack(server: Server) -> None:
    """Raises DevError if the host could not import the pack; the host itself reports that only in its log."""
    with _local.open(f"{server.url}/object_info/{NODE_OF_THE_PACK}", timeout=60) as answer:
        if NODE_OF_THE_PACK in json.load(answer):
            return
    reason = import_failure(printed(server.log)) or _last_lines(server)
    raise DevError(f"ComfyUI could not load the pack. Its log: {server.log}\n{reason}")


def import_failure(log: str) -> str:
    """The part of the host's log that says why the pack was not imported, or an empty text."""
    begin = 0
    lines = log.splitlines()
    for number, line in enumerate(lines):
        if "Traceback (most recent call last)" in line:
            begin = number
        if PACK_FOLDER in line and "Cannot import" in line:
            return "\n".join(lines[begin : number + 1])
        if PACK_FOLDER in line and "comfy_entrypoint" in line:
            return line
    return ""


def printed(log: Path) -> str:
    """The contents of a log, without colour codes."""
    return re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(encoding="utf-8", errors="replace"))


def _last_lines(server: Server) -> str:
    return "\n".join(printed(server.log).splitlines()[-LOG_LINES_SHOWN:])
