"""The scripts of the page without a page: their own tests run by Node.js, and what every script must keep to."""

import json
import random
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import playwright
import pytest
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.core.keyframes.positions import read_positions
from comfyui_inbetween.core.wan.layout import WAN
from comfyui_inbetween.core.wan.lora_mixture import Expert, LoraMixture
from comfyui_inbetween.networks.wan.lora_files import SEMFI_FRAME_COUNTS
from project_paths import ROOT, TESTS
from torch import Tensor

SCRIPTS = sorted((ROOT / "web" / "js").glob("*.js"))
DRIVER = Path(playwright.__file__).parent / "driver"  # Playwright brings a Node.js of its own
MOST_LINES = 400
CASES_COUNT = 4000
PIECES = [*"0123456789", *"0123456789", "-", "-1", "+", ":", ":0.5", ".", ",", ", ", ";", " ", "\n", "\u00a0", "\u2003"]
PIECES += [
    "[",
    "]",
    "{",
    "}",
    '"',
    '"frame": ',
    '"strength": ',
    "null",
    "true",
    "NaN",
    "1e2",
    "1.0",
    "x",
    "\u00e4",
    "\U0001f600",
]
WHOLE = ["0, 12, -1", "[0, 12, -1]", '[0, {"frame": 12, "strength": 0.25}, -1]', "0 3:.125 7", "0:0, 1:1", ""]


def run_node(*arguments: str, given: str | None = None) -> str:
    """What Node.js prints; fails with it if the program fails."""
    node = next(file for name in ("node", "node.exe") if (file := DRIVER / name).is_file())
    done = subprocess.run([node, *arguments], input=given, capture_output=True, encoding="utf-8", cwd=ROOT, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_tests_of_the_scripts_pass():
    files = sorted(str(file.relative_to(ROOT)) for file in TESTS.glob("web/*.test.mjs"))
    printed = run_node("--test", "--test-reporter=tap", *files)
    passed = int(re.search(r"^# pass (\d+)$", printed, re.MULTILINE)[1])
    assert passed > len(json.loads((TESTS / "core" / "keyframes" / "positions_cases.json").read_text(encoding="utf-8")))


def any_text(chance: random.Random) -> str:
    """A positions text, mostly one with a mistake or two."""
    pieces = list(chance.choice(WHOLE))
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(pieces) + 1)
        pieces[at : at + chance.randrange(3)] = chance.choices(PIECES, k=chance.randrange(3))
    return "".join(pieces)


def test_any_text_is_read_in_the_page_as_in_python():
    """Beyond the table of cases: the same positions, or an error from both, of the same words around what is quoted."""
    chance = random.Random(7)
    cases = [
        (any_text(chance), chance.randrange(1, 5), chance.choice([5, 13, 25, 81]), chance.random() < 0.3)
        for _ in range(CASES_COUNT)
    ]
    in_page = json.loads(run_node("tests/web/read_positions.mjs", given=json.dumps(cases)))
    read = 0
    for case, found in zip(cases, in_page, strict=True):
        try:
            expected = [[position.frame, position.strength] for position in read_positions(*case)]
            read += 1
        except InbetweenError as error:
            expected = str(error)
        if isinstance(expected, str) and isinstance(found, str):
            expected, found = (re.sub(r'"[^;]*"', "", text) for text in (expected, found))
        assert found == expected, case
    assert CASES_COUNT / 10 < read < CASES_COUNT * 9 / 10


@dataclass(frozen=True)
class NamedLora:
    """A LoRA of which nothing is read."""

    name: str = "expert"
    model: str = ""

    def tensors(self) -> dict[str, Tensor]:
        return {}


def test_the_page_names_the_expert_that_python_takes():
    mixture = LoraMixture(experts=tuple(Expert(count, NamedLora()) for count in SEMFI_FRAME_COUNTS))
    lengths = list(range(2, 130))
    named = json.loads(
        run_node("tests/web/name_segments.mjs", given=json.dumps({"rule": WAN.rule, "lengths": lengths}))
    )
    assert named == [f"expert {mixture.nearest(length).frame_count}" for length in lengths]


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_a_script_stays_small_and_within_its_node(file):
    """No globals, no listeners on the whole page, no changed prototypes: other packs are on the same page."""
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) < MOST_LINES
    for forbidden in (
        r"\bwindow\.",
        r"\bglobalThis\b",
        r"\bdocument\.(add|body|head|on)",
        r"\.prototype\b",
        r"localStorage",
    ):
        assert not re.search(forbidden, text), f"{file.name} has {forbidden}"
