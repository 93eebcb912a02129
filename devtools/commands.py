"""What each command does once its workplace is ready."""

import ast
import os
import time
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path

from .chromium import installed_chromium, provide_chromium
from .layout import Layout
from .messages import DevError, say
from .processes import run_in_foreground, run_into_log
from .server import free_port, printed, running_server
from .user_folder import prepare_user_folder
from .workplace import Workplace

LONGEST_DEMO = 1800  # seconds
QUICK_KINDS = "pure,host"  # names from tests/harness/kinds.py
# tests/harness/kinds.py decides when to use two, and which files each of them starts with.
TWO_WORKERS = ("--numprocesses", "auto", "--dist", "loadfile", "--no-loadscope-reorder")
NOTHING_COLLECTED = 5  # pytest's exit code
TYPED = ("core", "samplers", "networks", "media", "host", "nodes", "convert.py", "pipelines")


def demo(workplace: Workplace) -> int:
    """Runs the quickstart workflow on the sample keyframes in a server of its own."""
    layout = workplace.layout
    prepare_user_folder(layout)
    with running_server(workplace, free_port()) as server:
        say("running workflows/quickstart.json")
        program, graph = layout.root / "pipelines" / "render.py", layout.root / "workflows" / "quickstart.json"
        command: list[str | Path] = [workplace.environment.python, program, graph]
        command += ["--url", server.url, "--timeout", str(LONGEST_DEMO)]
        code = run_in_foreground(command, layout.root, os.environ)
        if code == 0:
            say(f"these files are in {layout.user / 'output'}")
        return code


def serve(workplace: Workplace, port: int, in_browser: bool = False) -> int:
    """Runs the server until Ctrl-C, and shows its output; `in_browser` opens its page."""
    prepare_user_folder(workplace.layout)
    with running_server(workplace, port) as server:
        say(f"ready: {server.url} (put models into {workplace.layout.user / 'models'}; stop with Ctrl-C)")
        if in_browser:
            open_page(server.url)
        shown = len(printed(server.log))
        try:
            while server.process.poll() is None:
                time.sleep(0.3)
                text = printed(server.log)
                print(text[shown:], end="", flush=True)
                shown = len(text)
        except KeyboardInterrupt:
            say("stopping ComfyUI")
            return 0
        raise DevError(f"ComfyUI stopped unexpectedly with code {server.process.returncode}. Its log: {server.log}")


def open_page(url: str) -> None:
    """Opens a page in the user's browser, or prints its address if there is none."""
    if not webbrowser.open(url):
        say(f"found no browser: open {url} yourself")


def test(workplace: Workplace, arguments: Sequence[str], quick: bool) -> int:
    """
    Runs the tests; the exit code is pytest's.

    This runs the program pytest, because `python -m pytest` would put the clone on the path, where our `nodes` hides
    the host's.

    Args:
        workplace: host and environment.
        arguments: arguments for pytest.
        quick: whether to skip tests that run models or long sweeps, or need the server or the page.
    """
    layout, environment = workplace.layout, workplace.environment
    pytest = environment.script("pytest")
    env = {**os.environ, "COMFYUI_PATH": str(workplace.host)}
    # The suite starts Python a dozen times, and without compiled files each of them would compile the host again.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    if quick:
        arguments = ["--kinds", QUICK_KINDS, *arguments]
    elif found := installed_chromium(env):
        env["CHROMIUM"] = str(found)
    elif _reaches_the_page(pytest, arguments, layout, env):
        env["CHROMIUM"] = str(provide_chromium(layout, environment.python, env))
    code = run_in_foreground([pytest, *TWO_WORKERS, *arguments], layout.root, env)
    if quick and code == NOTHING_COLLECTED:
        say(f"--quick runs only tests of the kinds {QUICK_KINDS}, and you selected none of them: leave out --quick")
    return code


def _reaches_the_page(pytest: Path, arguments: Sequence[str], layout: Layout, env: Mapping[str, str]) -> bool:
    """Whether one of the selected tests needs the browser; unless all are selected, pytest decides."""
    if not arguments:
        return True
    command: list[str | Path] = [pytest, *arguments, "--collect-only", "--quiet", "--kinds", "page"]
    return run_into_log(command, layout.root, env, layout.logs / "collected.log") == 0


def lint(workplace: Workplace) -> int:
    """Checks style, format and types, always all three; returns the first exit code that is not 0."""
    root = workplace.layout.root
    checks = (("ruff", ["check"]), ("ruff", ["format", "--check"]), ("mypy", TYPED))
    codes = [
        run_in_foreground([workplace.environment.script(program), *arguments], root, os.environ)
        for program, arguments in checks
    ]
    return next((code for code in codes if code), 0)


def bench(workplace: Workplace, script: Path, arguments: Sequence[str]) -> int:
    """Runs one benchmark."""
    env = {**os.environ, "COMFYUI_PATH": str(workplace.host)}
    return run_in_foreground([workplace.environment.python, script, *arguments], workplace.layout.root, env)


def benchmark_script(layout: Layout, name: str) -> Path:
    """The file of a benchmark; raises a DevError that lists the names if there is no such benchmark."""
    known = benchmarks(layout)
    if name not in known:
        raise DevError(f"there is no benchmark {name!r}; choose from: {', '.join(known) or 'none'}.")
    return known[name]


def list_benchmarks(layout: Layout) -> None:
    """Prints each benchmark with the first line of its docstring."""
    for name, script in benchmarks(layout).items():
        docstring = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
        print(f"{name:24} {docstring.partition(chr(10))[0]}")


def benchmarks(layout: Layout) -> dict[str, Path]:
    """The scripts in `benchmarks`, by name."""
    files = sorted((layout.root / "benchmarks").glob("*.py"))
    return {file.stem: file for file in files if not file.stem.startswith("_")}
