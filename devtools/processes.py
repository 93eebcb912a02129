"""Running other programs, none of which outlives dev.py."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def run_in_foreground(command: Sequence[str | Path], folder: Path, env: Mapping[str, str]) -> int:
    """
    Runs a program that shares the terminal, and returns its exit code.

    Ctrl-C reaches the program too. It may clean up, and its exit code is returned.
    """
    with subprocess.Popen([str(part) for part in command], cwd=folder, env=dict(env)) as process:
        while True:
            try:
                code = process.wait()
                return code if code >= 0 else 128 - code
            except KeyboardInterrupt:
                continue
            except BaseException:
                stop(process)
                raise


def run_into_log(command: Sequence[str | Path], folder: Path, env: Mapping[str, str], log: Path) -> int:
    """
    Runs a program with its output in a new log file, and returns its exit code.

    The output passes through this process, so that a full disk raises an OSError here; the log could not report it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            assert process.stdout is not None  # it is a pipe
            for line in process.stdout:
                output.write(line)
                output.flush()
            return process.wait()
        except BaseException:
            stop(process)
            raise


def stop(process: subprocess.Popen, patience: float = 15) -> None:
    """Asks a program to end, and ends it by force after `patience` seconds."""
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
