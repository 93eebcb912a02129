"""The reports of nodes: what was done, then warnings."""

from collections.abc import Iterable

_ATTENTION = "Attention: "


def report_text(lines: Iterable[str], warnings: Iterable[str]) -> str:
    """One text from the lines, the most important first, and the warnings, each on its own line."""
    return "\n".join([*lines, *(f"{_ATTENTION}{warning}" for warning in warnings)])


def headline(report: str) -> str:
    """The first line of a report and all its warnings."""
    first, *others = report.splitlines()
    return "\n".join([first, *(line for line in others if line.startswith(_ATTENTION))])
