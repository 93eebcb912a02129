"""Reports that nodes give: what was done, and what deserves attention."""

from collections.abc import Iterable

_ATTENTION = "Attention: "


def report_text(lines: Iterable[str], warnings: Iterable[str]) -> str:
    """What was done, line by line, the most important first; then the warnings, each in a line of its own."""
    return "\n".join([*lines, *(f"{_ATTENTION}{warning}" for warning in warnings)])


def headline(report: str) -> str:
    """The first line of a report, and its warnings."""
    first, *others = report.splitlines()
    return "\n".join([first, *(line for line in others if line.startswith(_ATTENTION))])
