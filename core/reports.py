"""The reports of nodes: what was done, then warnings."""

from collections.abc import Iterable

_WARNING = "Warning: "


def report_text(lines: Iterable[str], warnings: Iterable[str]) -> str:
    """One text from the lines, the most important first, and the warnings, each on its own line."""
    return "\n".join([*lines, *(f"{_WARNING}{warning}" for warning in warnings)])


def headline(report: str) -> str:
    """The first line of a report and all its warnings."""
    first, *others = report.splitlines()
    return "\n".join([first, *(line for line in others if line.startswith(_WARNING))])
