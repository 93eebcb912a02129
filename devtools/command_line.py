"""Reads the command line, and turns every failure into one line."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from . import commands
from .disk import is_disk_full
from .layout import Layout
from .messages import DevError
from .server import require_free_port
from .workplace import Choices, prepare

DEFAULT_PORT = 8188
EPILOG = """
Everything is made in .dev/ on the first run: a virtual environment, ComfyUI, a user directory. A clone inside the
custom_nodes folder of a ComfyUI uses that ComfyUI and its Python instead, and installs nothing unless asked.
On Linux the package index's torch brings CUDA, several gigabytes. Without a GPU choose the lean one on the first run:
  python dev.py demo --torch-index https://download.pytorch.org/whl/cpu
"""


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    common = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    common.add_argument("--comfyui", metavar="PATH", help="use this ComfyUI (or the variable COMFYUI_PATH)")
    common.add_argument("--python", metavar="PATH", help="use this environment, and install nothing into it")
    common.add_argument("--install", action="store_true", help="with --python or in custom_nodes: install what lacks")
    common.add_argument("--torch-index", metavar="URL", help="package index for torch, torchvision and torchaudio only")

    whole = argparse.ArgumentParser(
        prog="dev.py",
        description=sys.modules["__main__"].__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    subparsers = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return subparsers.add_parser(name, help=text, description=text, parents=[common], allow_abbrev=False)

    add("demo", "make a video from the sample keyframes with the quickstart workflow")
    test = add("test", "run the tests; everything else on the line is passed to pytest")
    test.add_argument("--quick", action="store_true", help="only tests without models in the host, server and page")
    serve = add("serve", "open ComfyUI's page with the pack in it, until Ctrl-C")
    serve.add_argument("--port", type=int, default=DEFAULT_PORT, help="port of the page (default: %(default)s)")
    serve.add_argument("--open", action="store_true", help="open the page in the browser")
    add("lint", "check style, format and types")
    bench = add("bench", "run a benchmark, or list them; everything else on the line is passed to it")
    bench.add_argument("name", nargs="?", help="benchmark")
    return whole


def main(arguments: Sequence[str]) -> int:
    """Runs one command and returns the exit code."""
    reader = parser()
    options, rest = reader.parse_known_args(arguments)
    if rest and options.command not in ("test", "bench"):
        reader.error(f"unknown: {' '.join(rest)}")
    signal.signal(signal.SIGTERM, _end)
    try:
        return _run(options, rest)
    except DevError as error:
        return _failed(str(error))
    except KeyboardInterrupt:
        return _failed("interrupted; the same command goes on from here.", 130)
    except OSError as error:
        if is_disk_full(error):
            place = error.filename or error.strerror
            return _failed(f"the disk is full ({place}): make room, then run the same command again.")
        return _failed(str(error))


def _run(options: argparse.Namespace, rest: list[str]) -> int:
    layout = Layout(Path(__file__).absolute().parent.parent)
    choices = Choices(options.command, options.comfyui, options.python, options.install, options.torch_index)
    match options.command:
        case "demo":
            return commands.demo(prepare(layout, choices))
        case "serve":
            require_free_port(options.port)
            return commands.serve(prepare(layout, choices), options.port, options.open)
        case "test":
            return commands.test(prepare(layout, choices), rest, options.quick)
        case "lint":
            return commands.lint(prepare(layout, choices))
    if options.name is None:
        commands.list_benchmarks(layout)
        return 0
    script = commands.benchmark_script(layout, options.name)
    return commands.bench(prepare(layout, choices), script, rest)


def _end(*_: object) -> None:
    """SIGTERM ends the programs that were started, like every other way out."""
    sys.exit(143)


def _failed(line: str, code: int = 1) -> int:
    print(f"dev.py: {line}", file=sys.stderr, flush=True)
    return code
