"""Reads the command line, and reports every failure in one line."""

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
The first run creates everything in .dev/: a virtual environment, ComfyUI and a user directory. A clone inside the
custom_nodes folder of a ComfyUI uses that ComfyUI and its Python instead, and installs nothing unless you ask for it.
On Linux, torch from the package index includes CUDA, which takes several gigabytes. If you have no GPU, choose the
smaller torch on the first run:
  python dev.py demo --torch-index https://download.pytorch.org/whl/cpu
"""


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    common = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    common.add_argument("--comfyui", metavar="PATH", help="use this ComfyUI (or the variable COMFYUI_PATH)")
    common.add_argument("--python", metavar="PATH", help="use this environment; install nothing into it")
    common.add_argument(
        "--install", action="store_true", help="with --python or in custom_nodes: install what is missing"
    )
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

    add("demo", "render a video from the sample keyframes with the quickstart workflow")
    test = add("test", "run the tests; all other arguments go to pytest")
    test.add_argument("--quick", action="store_true", help="skip tests that run models, the server or the page")
    serve = add("serve", "run ComfyUI with the pack until Ctrl-C")
    serve.add_argument("--port", type=int, default=DEFAULT_PORT, help="port of the page (default: %(default)s)")
    serve.add_argument("--open", action="store_true", help="open the page in the browser")
    add("lint", "check style, format and types")
    bench = add("bench", "run a benchmark, or list all benchmarks; all other arguments go to the benchmark")
    bench.add_argument("name", nargs="?", help="name of the benchmark; leave it out to list them")
    return whole


def main(arguments: Sequence[str]) -> int:
    """Runs one command and returns the exit code."""
    reader = parser()
    options, rest = reader.parse_known_args(arguments)
    if rest and options.command not in ("test", "bench"):
        reader.error(f"unknown arguments: {' '.join(rest)}")
    signal.signal(signal.SIGTERM, _end)
    try:
        return _run(options, rest)
    except DevError as error:
        return _failed(str(error))
    except KeyboardInterrupt:
        return _failed("interrupted; run the same command again to continue.", 130)
    except OSError as error:
        if is_disk_full(error):
            place = error.filename or error.strerror
            return _failed(f"the disk is full ({place}): free up space, then run the same command again.")
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
    """Raise SystemExit on SIGTERM, so that the programs that were started are stopped too."""
    sys.exit(143)


def _failed(line: str, code: int = 1) -> int:
    print(f"dev.py: {line}", file=sys.stderr, flush=True)
    return code
