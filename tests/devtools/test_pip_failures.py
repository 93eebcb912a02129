"""pip's failures in one line, and a full disk wherever it shows."""

import errno
import io
import sys
from pathlib import Path

import pytest

from devtools.command_line import main
from devtools.disk import is_disk_full, require_free_space
from devtools.messages import DevError
from devtools.pip_runner import cause_of_failure, run_pip

NO_INDEX = """
WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection broken by
'NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused')': /simple/torch/
ERROR: Could not find a version that satisfies the requirement torch==2.11.0 (from versions: none)
ERROR: No matching distribution found for torch==2.11.0
"""
FULL = """
Installing collected packages: torch
ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device
"""
NO_VERSION = """
ERROR: Could not find a version that satisfies the requirement torch==2.11.0 (from versions: 2.13.0)
ERROR: No matching distribution found for torch==2.11.0
"""
WRONG_SUM = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n    Expected sha256 00\n"


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        (NO_INDEX, "the download failed"),
        (FULL, "the disk is full"),
        (NO_VERSION, "No matching distribution found for torch==2.11.0"),
        (WRONG_SUM, "wrong sha256"),
        ("/usr/bin/python3: No module named pip\n", "No module named pip"),
        ("ERROR: Exception:\nTraceback (most recent call last):\n  File x\nValueError: odd\n", "ValueError: odd"),
        ("", "pip printed nothing"),
    ],
)
def test_the_cause_is_found_in_what_pip_printed(output, cause):
    assert cause in cause_of_failure(output)
    assert "\n" not in cause_of_failure(output)


def test_a_full_disk_in_pip_is_one_line_that_names_the_log(clone, fake_pip):
    fake_pip.does(f"print({FULL!r}); sys.exit(1)")
    log = clone.logs / "pip-torch.log"
    with pytest.raises(
        DevError, match=r"^installing torch failed: the disk is full: free up space. Then run"
    ) as refused:
        run_pip(Path(sys.executable), ["install", "torch"], clone.root, log, "installing torch")
    assert str(refused.value).endswith(str(log))
    assert "Installing collected packages" in log.read_text()


def test_a_disk_too_full_for_the_log_is_told_as_such(clone, fake_pip, monkeypatch):
    class FullDisk(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    fake_pip.does("print('ERROR: Exception:'); sys.exit(2)")
    monkeypatch.setattr(Path, "open", lambda *_: FullDisk())
    with pytest.raises(OSError, match=r"No space left") as failure:
        run_pip(Path(sys.executable), ["install", "torch"], clone.root, clone.logs / "log", "installing torch")
    assert is_disk_full(failure.value)


def test_too_little_room_is_told_before_the_download(tmp_path):
    require_free_space(tmp_path, 0, "nothing")
    with pytest.raises(
        DevError, match=r"^all needs about 1e\+09 GB, but the disk of .* has only [\d.]+ GB free: free up space"
    ):
        require_free_space(tmp_path, 1e9, "all")


@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/disk/file"),
            1,
            "the disk is full (/disk/file): free up space",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/disk/file"), 1, "Permission denied"),
        (DevError("what to do."), 1, "dev.py: what to do."),
        (KeyboardInterrupt(), 130, "interrupted; run the same command again to continue."),
    ],
)
def test_whatever_ends_a_command_is_one_line(monkeypatch, capsys, raised, code, line):
    def fail(*_: object) -> None:
        raise raised

    monkeypatch.setattr("devtools.command_line.prepare", fail)
    assert main(["lint"]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert line in printed.err
