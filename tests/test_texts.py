"""Texts that users read: words and turns that make them read like a translation stay out."""

import ast
import json
import re
from collections.abc import Iterator

import pytest
from project_paths import ROOT, WORKFLOWS

ROOMS = ("core", "samplers", "networks", "media", "host", "nodes", "pipelines", "devtools")
PAGES = ("README.md", "CONTRIBUTING.md", "pipelines/README.md", "benchmarks/README.md", "web/docs/*/en.md")

# What to avoid, and what to write instead.
AVOIDED = {
    r"\b(re)?told\b": "reported, recognised, named",
    r"\banew\b": "again, new",
    r"\bshall\b": "should, must, or the imperative",
    r"\bby itself\b|\bby themselves\b": "automatically",
    r"\b(a|one|frame|keyframe) more\b(?! (than|often|time))": "another, one more",
    r"(^|[.|] *)Of (the|a|an|it|its|what)\b": "a whole sentence",
    r"\b(that|which) (is|are) no (?!longer\b|more\b)\w+": "is not a",
    r"\bas \w+ as may be\b": "as far as possible",
    r"\b[Ww]hose it is\b": "what kind it is",
    r"\b(is|are) to be had\b": "is available",
    r"\bso many\b": "this many, a number",
    r"\bin the midst\b": "in the middle",
    r"\bthat of (the|a) one\b": "name the thing",
    r"\bbeforehand\b|\bthereby\b|\bherein\b|\bwherein\b|\bthereof\b": "plain words",
    r"\bmakes? that\b": "ensures that",
    r"\bwith own\b|\bof own\b": "with its own",
    r"\bforetell|\bforetold\b": "predict",
}


def sentences_in(source: str) -> Iterator[str]:
    """The string literals of a Python file that hold words, but for docstrings; parts of f-strings one by one."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
        if is_text and " " in node.value.strip():
            yield node.value


def notes_in(graph: object) -> Iterator[str]:
    """The texts of the notes in a workflow or blueprint."""
    if isinstance(graph, dict):
        if graph.get("type") in ("Note", "MarkdownNote"):
            yield from (value for value in graph["widgets_values"] if isinstance(value, str))
        graph = list(graph.values())
    if isinstance(graph, list):
        for each in graph:
            yield from notes_in(each)


def user_texts() -> dict[str, list[str]]:
    """Every text by the file it stands in."""
    texts = {}
    for pattern in PAGES:
        for file in sorted(ROOT.glob(pattern)):
            # code, addresses and the names of files are not prose
            prose = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
            texts[file.relative_to(ROOT).as_posix()] = prose.splitlines()
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            texts[file.relative_to(ROOT).as_posix()] = list(sentences_in(file.read_text(encoding="utf-8")))
    texts["convert.py"] = list(sentences_in((ROOT / "convert.py").read_text(encoding="utf-8")))
    for file in sorted((ROOT / "web" / "js").glob("*.js")):
        quoted = re.findall(r"'[^'\n]* [^'\n]*'|`[^`]* [^`]*`", file.read_text(encoding="utf-8"))
        texts[file.relative_to(ROOT).as_posix()] = quoted
    for file in sorted(WORKFLOWS.glob("*.json")):
        notes = notes_in(json.loads(file.read_text(encoding="utf-8")))
        texts[file.name] = [line for note in notes for line in note.splitlines()]
    return texts


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    return user_texts()


def test_texts_are_found(texts):
    for file in ("README.md", "web/docs/InbetweenKeyframes/en.md", "nodes/keyframes/keyframes.py", "quickstart.json"):
        assert len(texts[file]) > 3, file
    assert sum(map(len, texts.values())) > 2000


@pytest.mark.parametrize(
    "pattern", AVOIDED, ids=lambda pattern: re.sub(r"\W+", " ", pattern.replace("\\b", " ")).strip()
)
def test_avoided_turns(texts, pattern):
    found = [f"{file}: {line.strip()}" for file, lines in texts.items() for line in lines if re.search(pattern, line)]
    assert found == [], f"write {AVOIDED[pattern]}"
