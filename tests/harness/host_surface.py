"""The internals of the host that the pack uses, read from the table in ARCHITECTURE."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from project_paths import ROOT

HEAD = "| of the host | members | used in | for |"


@dataclass(frozen=True)
class Use:
    """Members of one module or class of the host, the files that use them, and what for.

    The ways to write a member stand above the table.
    """

    of: str
    members: tuple[str, ...]
    files: tuple[str, ...]
    purpose: str


def surface(text: str) -> Iterator[Use]:
    """The rows of the table in a text.

    Raises:
        ValueError: there is no such table, or a row has not four cells.
    """
    lines = text[text.index(HEAD) :].splitlines()
    for line in lines[2:]:
        if not line.startswith("|"):
            return
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 4:
            raise ValueError(f"a row has {len(cells)} cells, not 4: {line}")
        of, members, files = (tuple(re.findall(r"`([^`]+)`", cell)) for cell in cells[:3])
        yield Use(of[0], members, files, cells[3])


SURFACE = tuple(surface((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")))


def name_of(member: str) -> str:
    """The bare name of a member, as the source of a file that uses it has it."""
    return re.split(r"[(:]", member)[0].strip('"').split(".")[-1]
