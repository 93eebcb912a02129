"""dev.py itself: an old Python gets one line."""

import ast
import shutil
import subprocess
import sys

from project_paths import ROOT

DEV = ROOT / "dev.py"

# The same way in as `python dev.py`, in a Python that says it is old.
PRETENDING_TO_BE_OLD = """
import runpy, sys
sys.version_info = (3, 9, 18, "final", 0)
sys.argv = ["dev.py", "lint"]
sys.path.insert(0, sys.argv[0])
try:
    runpy.run_path(PATH, run_name="__main__")
finally:
    assert not any(name.startswith("devtools") for name in sys.modules)
"""


def old_pythons() -> list[str]:
    """The Pythons below 3.10 that this machine has, if any."""
    found = filter(None, (shutil.which(name) for name in ("python3.8", "python3.9")))
    return [python for python in found if subprocess.run([python, "-c", ""], capture_output=True).returncode == 0]


def test_dev_py_parses_on_python_3_8():
    ast.parse(DEV.read_text(encoding="ascii"), feature_version=(3, 8))


def test_an_old_python_is_refused_in_one_line_before_anything_is_imported():
    pretending = [sys.executable, "-c", PRETENDING_TO_BE_OLD.replace("PATH", repr(str(DEV)))]
    for command in (pretending, *([python, str(DEV), "lint"] for python in old_pythons())):
        ended = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert ended.returncode == 1, ended.stderr
        assert len(ended.stderr.splitlines()) == 1
        assert "3.10 or newer" in ended.stderr
        assert "3.9" in ended.stderr or "3.8" in ended.stderr
