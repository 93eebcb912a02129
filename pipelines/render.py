"""
Runs a graph on a running ComfyUI server, without the page: for scripts, render farms and build servers.

    python pipelines/render.py workflows/quickstart.json \
        --set "First keyframe=shots/010_a.png" --set "Last keyframe=shots/010_b.png" \
        --set "Keyframes.frame_count=49" --output renders

Exit codes: 0 success; 1 a node failed; 2 the graph, a name or a value is wrong; 3 the server does not answer; 130 or
143 ended by Ctrl-C or SIGTERM, which also cancels the run on the server. Progress and errors go to stderr.
"""

import argparse
import json
import signal
import sys
from pathlib import Path

from comfy_client import Graph, GraphError, Result, RunError, Server, ServerError

MADE, FAILED, WRONG, NO_SERVER, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 130, 143


def parser() -> argparse.ArgumentParser:
    """The command-line options."""
    what, _, rest = (__doc__ or "").strip().partition("\n")
    options = argparse.ArgumentParser(description=what, epilog=rest, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("graph", type=Path, help="a file that the page saved or exported for the API")
    options.add_argument("--url", default="http://127.0.0.1:8188", help="address of the server (default: %(default)s)")
    options.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="set a value; repeat for more values"
    )
    options.add_argument("--output", type=Path, metavar="FOLDER", help="fetch the saved files into this folder")
    options.add_argument("--timeout", type=float, metavar="SECONDS", help="cancel the run after this time")
    options.add_argument("--json", action="store_true", help="print files and texts as one line of JSON")
    options.add_argument("--list", action="store_true", help="show the names and values for --set, and exit")
    options.add_argument("--write", type=Path, metavar="FILE", help="write the graph for the API (comfy-cli), and exit")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        return _render(options)
    except GraphError as error:
        return _told(options, str(error), WRONG)
    except RunError as error:
        return _told(options, str(error), FAILED)
    except ServerError as error:
        return _told(options, str(error), NO_SERVER)
    except KeyboardInterrupt:
        return _told(options, "interrupted", INTERRUPTED)


def _render(options: argparse.Namespace) -> int:
    server = Server(options.url)
    graph = server.open(options.graph)
    for setting in options.set:
        name, equals, value = setting.partition("=")
        if not equals:
            raise GraphError(f'--set "{setting}": write NAME=VALUE.')
        graph[name.strip()] = value
    if options.list:
        print("\n".join(_shown(graph, name, value) for name, value in graph.values().items()))
    elif options.write:
        options.write.write_text(json.dumps(graph.prompt, indent=2), encoding="utf-8")
    else:
        _show(server.run(graph, _to_stderr, options.timeout), options)
    return MADE


def _shown(graph: Graph, name: str, value: object) -> str:
    return f"{name} from {graph.title(value[0])}" if isinstance(value, list) else f"{name}={value}"


def _show(result: Result, options: argparse.Namespace) -> None:
    made = [str(file) for file in result.save(options.output)] if options.output else _names(result)
    if options.json:
        print(json.dumps({"files": made, "texts": [{"node": node, "text": text} for node, text in result.texts]}))
        return
    for node, text in result.texts:
        print(f"{node}: {text}")
    for file in made:
        print(file)


def _names(result: Result) -> list[str]:
    """Paths relative to the server's output folder."""
    return ["/".join(filter(None, (file["subfolder"], file["filename"]))) for file in result.files]


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _told(options: argparse.Namespace, line: str, code: int) -> int:
    _to_stderr(f"{options.graph.name}: {line}")
    return code


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    sys.exit(main())
