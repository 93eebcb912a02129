"""The reports of nodes: what was done, then warnings. Every report names frames in the words of this module.

Frames are numbered from 0, on the time line of the keyframes or of the clip that came in.
"""

from collections.abc import Iterable, Sequence

_WARNING = "Warning: "


def report_text(lines: Iterable[str], warnings: Iterable[str]) -> str:
    """One text from the lines, the most important first, and the warnings, each on its own line."""
    return "\n".join([*lines, *(f"{_WARNING}{warning}" for warning in warnings)])


def headline(report: str) -> str:
    """The first line of a report and all its warnings."""
    first, *others = report.splitlines()
    return "\n".join([first, *(line for line in others if line.startswith(_WARNING))])


def span(first: int, last: int) -> str:
    """Frames from one to another, both included, such as "8-11" or "8", as inputs take them."""
    return f"{first}-{last}" if last > first else f"{first}"


def frame_list(frames: Iterable[int], most: int = 12) -> str:
    """Frames by their numbers, such as "frame 3" or "frames 3, 8-11, 14 and 5 more", ready to be pasted into a list.

    Args:
        frames: one or more frame numbers, in any order.
        most: entries to list; a run of frames in a row is one entry.
    """
    runs: list[tuple[int, int]] = []
    for frame in sorted(set(frames)):
        if runs and frame == runs[-1][1] + 1:
            runs[-1] = runs[-1][0], frame
        else:
            runs.append((frame, frame))
    more = sum(last - first + 1 for first, last in runs[most:])
    listed = ", ".join(span(*run) for run in runs[:most])
    plural = "s" * (len(runs) > 1 or runs[0][1] > runs[0][0])
    return f"frame{plural} {listed}{f' and {more} more' if more else ''}"


def missing_keyframes(gaps: Sequence[tuple[int, int]], most: int = 3) -> str:
    """Where keyframes would help: the middle of each gap between two of them, such as "a keyframe near frame 9".

    Args:
        gaps: the frame numbers of both ends of each gap, the worst gap first.
        most: gaps to name.

    Returns:
        The places, or "" if no gap has room for a frame.
    """
    middles = [(first + last) // 2 for first, last in gaps if last - first > 1]
    if not middles:
        return ""
    return f"{'a keyframe' if len(middles) == 1 else 'keyframes'} near {frame_list(middles[:most])}"
