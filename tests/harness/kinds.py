"""
What a test needs, recognised by its fixtures: sets marks, orders the run, and divides the work of two processes.

tests/conftest.py imports the hooks of this module.
"""

import os
from typing import Any

import pytest

# In the order in which tests run: the quick ones first.
KINDS = ("pure", "host", "models", "server", "page")
FIXTURES = {"host": {"comfyui", "host"}, "models": {"tiny_models"}, "server": {"server"}, "page": {"browser"}}

ASKED_FOR = pytest.StashKey[set[str]]()
KIND = pytest.StashKey[str]()


def kind_of(item: pytest.Item) -> str:
    """
    The last of KINDS one of whose fixtures a test uses, itself or through others.

    A test that starts the host in a process of its own has the mark `server`. Tests that run networks, or sweep over
    many drawn clips, have the mark `models`: together they take longer than all the quick ones.
    """
    used = set(getattr(item, "fixturenames", ()))
    for kind in ("models", "server"):
        if item.get_closest_marker(kind):
            used |= FIXTURES[kind]
    return next((kind for kind in reversed(KINDS) if used & FIXTURES.get(kind, set())), KINDS[0])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kinds", metavar="KIND,...", help=f"run only tests of these kinds: {', '.join(KINDS)}")


def pytest_configure(config: pytest.Config) -> None:
    for kind in KINDS:
        config.addinivalue_line("markers", f"{kind}: set by the fixtures that a test uses")
    if hasattr(config, "workerinput"):  # before torch is imported: processes that share cores slow each other down
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // 2)))
    asked_for = (config.getoption("kinds") or ",".join(KINDS)).split(",")
    if unknown := set(asked_for) - set(KINDS):
        raise pytest.UsageError(f"--kinds: there is no kind {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    config.stash[ASKED_FOR] = set(asked_for)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks a test with its kind."""
    item.stash[KIND] = kind_of(item)
    item.add_marker(item.stash[KIND])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """
    Leaves out the kinds that are not asked for, and runs the others in their order.

    Where two processes share the work file by file, one begins with the slow kinds and the other with the quick ones.
    """
    wanted = [item for item in items if item.stash[KIND] in config.stash[ASKED_FOR]]
    if len(wanted) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in set(wanted)])
    if hasattr(config, "workerinput"):
        # The last files by name are the longest of the page: the two processes should not meet in one of those.
        wanted.sort(key=lambda item: item.path, reverse=True)
    order = KINDS[::-1] if hasattr(config, "workerinput") else KINDS
    items[:] = sorted(wanted, key=lambda item: order.index(item.stash[KIND]))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two processes for the whole suite where there are two cores; none beside this one for chosen files."""
    chosen = config.args_source is pytest.Config.ArgsSource.ARGS
    shown_at_once = config.getoption("capture") == "no"
    return 0 if chosen or shown_at_once or (os.cpu_count() or 1) < 2 else 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One process begins with the page, the other with what needs none."""
    from two_ends import FromBothEnds

    return FromBothEnds(config, log)
