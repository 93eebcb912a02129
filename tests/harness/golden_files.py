"""Files in the repository that are generated from the code, so that every change to them is seen and intended."""

import json
import os
from pathlib import Path

UPDATE = "INBETWEEN_UPDATE"


def is_updating() -> bool:
    """Whether such files are to be rewritten instead of compared."""
    return os.environ.get(UPDATE) == "1"


def assert_in_step(file: Path, expected: dict) -> None:
    """The JSON file holds exactly `expected`; with INBETWEEN_UPDATE=1 it is written instead."""
    text = json.dumps(expected, indent=2, ensure_ascii=False) + "\n"
    if is_updating():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    written = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    changed = [key for key in expected.keys() | written.keys() if expected.get(key) != written.get(key)]
    assert not changed, (
        f"{file.name} is out of step for {', '.join(sorted(changed))}. If the change is meant, run the tests once with "
        f"{UPDATE}=1 and look at the difference before you commit it."
    )
    assert file.read_text(encoding="utf-8") == text, f"{file.name} is not formatted as {UPDATE}=1 writes it."
