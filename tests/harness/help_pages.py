"""
Reading the nodes' help pages.

A page has the headings "Inputs" (or "Input") and "Outputs". Below each is a table or a list whose entries begin with
names in backticks or in bold: "| `width`, `height` | Size ... |" or "- **width**: ...".
"""

import re

_HEADING = re.compile(r"^#+\s+(.*?)\s*$", re.MULTILINE)
_ENTRY = re.compile(r"^(?:\|([^|\n]*)\||[-*]\s+([^:\n]*):)", re.MULTILINE)
_NAME = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")


def described_names(page: str, heading: str) -> set[str]:
    """The names described below a heading (singular or plural), up to the next one."""
    parts = _HEADING.split(page)
    return {
        quoted or bold
        for title, text in zip(parts[1::2], parts[2::2], strict=True)
        if title.lower().rstrip("s") == heading.lower().rstrip("s")
        for cell, item in _ENTRY.findall(text)
        for quoted, bold in _NAME.findall(cell or item)
    }


def image_links(page: str) -> list[tuple[str, str]]:
    """Alternative text and address of every image."""
    return _IMAGE.findall(page)
