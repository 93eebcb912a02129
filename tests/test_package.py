"""The pack as a whole: who imports whom, what is shipped, what an import does."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pathspec
import pytest
import yaml
from hypothesis import HealthCheck, settings
from import_rule import LIBRARIES, MAY_IMPORT_ROOMS, modules, violations
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image
from project_paths import HARNESS, ROOT, TESTS, WORKFLOWS

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10, where pytest brings it
    import tomli as tomllib

LONGEST_FILE = 420
NOT_SHIPPED = {"tests", "devtools", "benchmarks"}
NO_PACKAGES = NOT_SHIPPED | {"pipelines"}  # programs that speak to a server, and import nothing of the pack
WITHOUT_HOST = ["core", "samplers", "networks", "media"]
PACKAGE_OF_LIBRARY = {"cv2": "opencv-python-headless"}


@pytest.fixture(scope="module")
def project() -> dict:
    """pyproject.toml, parsed."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def our_files(*suffixes: str) -> list[Path]:
    """The files of the repository, without what tools make beside them."""
    made = {"build", "dist", "__pycache__"}
    return [
        file
        for file in sorted(ROOT.rglob("*"))
        if file.suffix in suffixes
        and not any(part.startswith(".") or part in made for part in file.relative_to(ROOT).parts[:-1])
    ]


def rooms_in_tree() -> set[str]:
    """Every folder with Python modules of the pack, as a dotted name."""
    folders = {file.parent.relative_to(ROOT) for file in our_files(".py")}
    return {".".join(folder.parts) for folder in folders if folder.parts and folder.parts[0] not in NO_PACKAGES}


# ---------------------------------------------------------------------------------------------- who imports whom


def test_imports_run_one_way():
    found = [line for path, source in modules(ROOT).items() for line in violations(path, source)]
    assert found == []


def test_every_room_has_its_rule():
    assert {room.split(".")[0] for room in rooms_in_tree()} <= MAY_IMPORT_ROOMS.keys()


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("core/a.py", "import comfy.utils"),
        ("core/a.py", "from folder_paths import models_dir"),
        ("core/a.py", "import scipy"),
        ("core/a.py", "import comfyui_inbetween.core.frames"),
        ("core/a.py", "from ..samplers.b import c"),
        ("core/a.py", "from .. import host"),
        ("core/a.py", "from ... import anything"),
        ("core/deep/a.py", "from ...nodes import keyframes"),
        ("core/a.py", "def late():\n    import comfy"),
        ("samplers/a.py", "from ..networks import b"),
        ("networks/a.py", "from ..samplers import b"),
        ("samplers/a.py", "from ..host.b import c"),
        ("host/a.py", "from ..nodes.b import c"),
        ("host/a.py", "import requests"),
        ("nodes/a.py", "import comfy.sd"),
        ("nodes/a.py", "import folder_paths"),
        ("nodes/a.py", "from comfy_api.v0_0_2 import io"),
        ("nodes/a.py", "import nodes"),
        ("nodes/a.py", "from comfy_execution.graph_utils import GraphBuilder"),
        ("nodes/graphs/a.py", "from comfy_execution.caching import CacheSet"),
        ("__init__.py", "from .host import a"),
        ("__init__.py", "import torch"),
        ("convert.py", "from .host import a"),
    ],
)
def test_the_rule_catches(path, line):
    assert len(violations(PurePosixPath(path), line)) == 1


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("core/a.py", "import math, torch.nn.functional, cv2"),
        ("core/a.py", "from .b import c"),
        ("core/a.py", "from . import b"),
        ("core/deep/a.py", "from ..b import c"),
        ("samplers/a.py", "from ..core.b import c"),
        ("networks/a.py", "from ..core import b"),
        ("host/a.py", "import comfy.model_management, folder_paths"),
        ("host/a.py", "from ..networks.b import c"),
        ("nodes/a.py", "from comfy_api.latest import io"),
        ("nodes/a.py", "from ..host.b import c"),
        ("nodes/graphs/a.py", "from comfy_execution.graph_utils import GraphBuilder"),
        ("nodes/graphs/a.py", "from comfy_api.latest import io"),
        ("nodes/graphs/a.py", "from ...host.b import c"),
        ("__init__.py", "from .nodes import InbetweenExtension"),
        ("convert.py", "from .networks.a import b"),
    ],
)
def test_the_rule_lets_pass(path, line):
    assert violations(PurePosixPath(path), line) == []


# ---------------------------------------------------------------------------------------------- what an import does


@pytest.fixture(scope="module")
def probe():
    """Imports the pack in a process of its own, and returns what that changed."""

    def run(*arguments: str) -> dict:
        command = [sys.executable, "-B", str(HARNESS / "import_probe.py"), *arguments]
        env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(command, cwd=HARNESS, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def assert_nothing_happened(report: dict) -> None:
    assert report["events"] == []
    assert report["printed"] == ""
    assert report["settings"] == []
    assert report["host names"] == []


def test_importing_without_a_host_changes_nothing(probe):
    report = probe(*(room for room in WITHOUT_HOST if (ROOT / room).is_dir()))
    assert_nothing_happened(report)
    assert report["host modules"] == []


@pytest.mark.server
def test_importing_in_the_host_changes_nothing(probe, comfyui, tmp_path):
    report = probe("--host-directory", str(tmp_path), *sorted({room.split(".")[0] for room in rooms_in_tree()}))
    assert_nothing_happened(report)
    assert "InbetweenKeyframes" in report["nodes"]


# ---------------------------------------------------------------------------------------------- what is shipped


def test_packages_are_those_of_the_tree():
    """What setuptools would install."""
    ask = "from setuptools._distutils.core import run_setup; print(*run_setup('setup.py', stop_after='init').packages)"
    done = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    bare = [room for room in rooms_in_tree() if not (ROOT / room.replace(".", "/") / "__init__.py").is_file()]
    assert not bare, f"add an __init__.py with a one-line docstring to {', '.join(bare)}"
    listed = done.stdout.split()
    assert sorted(listed) == sorted(["comfyui_inbetween", *(f"comfyui_inbetween.{room}" for room in rooms_in_tree())])


def test_the_import_name_is_installed():
    import comfyui_inbetween

    assert Path(comfyui_inbetween.__file__).resolve() == ROOT / "__init__.py"


def test_imported_libraries_are_declared(project):
    declared = {canonicalize_name(Requirement(line).name) for line in project["project"]["dependencies"]}
    imported = {
        name.split(".")[0]
        for path, source in modules(ROOT).items()
        for node in ast.walk(ast.parse(source))
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [])
        + ([node.module] if isinstance(node, ast.ImportFrom) and node.level == 0 else [])
    }
    needed = {PACKAGE_OF_LIBRARY.get(name, name) for name in imported & LIBRARIES}
    assert needed - declared == set()


def test_what_the_host_owns_is_not_pinned(project, comfyui):
    """A pack that moves the host's torch or numpy breaks the host."""
    lines = (comfyui / "requirements.txt").read_text(encoding="utf-8").splitlines()
    owned = {canonicalize_name(Requirement(line).name) for line in lines if line.strip() and not line.startswith("#")}
    requirements = [Requirement(line) for line in project["project"]["dependencies"]]
    assert {"torch", "numpy"} <= owned
    pinned = [str(each) for each in requirements if canonicalize_name(each.name) in owned and each.specifier]
    assert pinned == []


def test_registry_fields(project):
    comfy, about = project["tool"]["comfy"], project["project"]
    assert comfy["PublisherId"] == "inbetween"
    assert comfy["DisplayName"] == "Inbetween"
    assert comfy["requires-comfyui"] == ">=0.26.0"
    shapes = {
        "Icon": lambda width, height: width == height <= 400,
        "Banner": lambda width, height: 21 * height == 9 * width,
    }
    for field, fits in shapes.items():
        address, _, file = comfy[field].partition("/main/")
        assert address.endswith(about["urls"]["Repository"].removeprefix("https://github.com"))
        with Image.open(ROOT / file) as picture:
            assert fits(*picture.size)
    assert "web" not in comfy  # with WEB_DIRECTORY every script would run twice
    assert about["name"] == "inbetween"
    assert re.fullmatch(r"\d+\.\d+\.\d+", about["version"])
    assert about["license"] == "Apache-2.0"
    assert {"Repository", "Documentation", "Bug Tracker"} <= about["urls"].keys()


def test_comfy_cli_finds_nothing_to_say_against_publishing():
    comfy = Path(sys.executable).with_name("comfy")
    done = subprocess.run(
        [comfy, "--skip-prompt", "node", "validate"],
        cwd=ROOT,
        env=os.environ | {"DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stdout + done.stderr
    assert "validation checks passed" in done.stdout + done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="it runs on the registry's Linux machine")
def test_a_tag_publishes_its_version_with_what_changed(project, tmp_path):
    """The step of the publishing workflow that can be run without the registry."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "publish.yml").read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    check = next(step["run"] for step in job["steps"] if "changes.md" in step.get("run", ""))
    publish = job["steps"][-1]["run"]
    assert publish.startswith("comfy --skip-prompt node publish ")
    version = project["project"]["version"]
    for tag, code in ((f"v{version}", 0), ("v99.0.0", 1)):
        env = os.environ | {"GITHUB_REF_NAME": tag, "RUNNER_TEMP": str(tmp_path)}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        done = subprocess.run(["bash", "-e", "-c", check], cwd=ROOT, env=env | {"PATH": path}, check=False)
        assert done.returncode == code
    changes = (tmp_path / "changes.md").read_text(encoding="utf-8")
    assert "First version." in changes
    assert "## " not in changes


PAGES = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "pipelines/README.md",
    "benchmarks/README.md",
]


@pytest.mark.parametrize("page", PAGES)
def test_links_of_the_pages_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    headings = {
        "#" + re.sub(r"[^\w ]", "", title).lower().replace(" ", "-") for title in re.findall(r"^#+ (.*)$", text, re.M)
    }
    places = [link for link in links if link not in headings]
    assert [link for link in places if not (ROOT / page).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_files_named_on_the_pages_exist(page):
    """`core/flow/splatting.py` in a page; not what stands for any name, such as `host/FAMILY/kind.py`."""
    folders = {folder.name for folder in ROOT.iterdir() if folder.is_dir()}
    named = re.findall(r"`([\w.-]+(?:/[\w.-]+)*)/?`", (ROOT / page).read_text(encoding="utf-8"))
    paths = [path for path in named if path.split("/")[0] in folders and not re.search(r"[A-Z]{4,}", path)]
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_python_names_on_the_pages_exist(page):
    """`from comfyui_inbetween.core.flow import x` in a page: the module is there, and so is x in it."""
    text = (ROOT / page).read_text(encoding="utf-8")
    sources = {path.with_suffix("").as_posix(): source for path, source in modules(ROOT).items()}
    for module in re.findall(r"\bcomfyui_inbetween\.([\w.]+)", text):
        path = module.strip(".").replace(".", "/")
        assert path in sources or f"{path}/__init__" in sources, module
    for module, names in re.findall(r"^from comfyui_inbetween\.([\w.]+) import (.+)$", text, re.MULTILINE):
        path = module.replace(".", "/")
        source = sources.get(path) or sources[f"{path}/__init__"]
        assert [name for name in names.split(", ") if not re.search(rf"\b{name}\b", source)] == [], module


def test_the_gallery_shows_every_workflow():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for file in WORKFLOWS.glob("*.json"):
        assert f"(workflows/{file.stem}.jpg)](workflows/{file.name})" in text, file.stem


def test_the_changelog_names_the_version(project):
    assert project["project"]["version"] in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_registry_gets_what_the_nodes_need_and_no_more():
    """`.comfyignore` is read like a .gitignore: "docs/" without a leading slash would take web/docs too."""
    ignored = pathspec.GitIgnoreSpec.from_lines((ROOT / ".comfyignore").read_text(encoding="utf-8").splitlines())
    rooms = [f"{room}/any.py" for room in MAY_IMPORT_ROOMS if (ROOT / room).is_dir()]
    files = [file.relative_to(ROOT).as_posix() for file in our_files(".md", ".json", ".jpg", ".png", ".js")]
    shown = [file for file in files if file.startswith(("web/", "locales/", "workflows/", "subgraphs/"))]
    needed = [
        "__init__.py",
        "convert.py",
        "pipelines/render.py",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        *rooms,
        *shown,
        "assets/input/bunny_1.jpg",
    ]
    assert [file for file in needed if ignored.match_file(file)] == []
    unneeded = ["dev.py", *(f"{folder}/any.py" for folder in NOT_SHIPPED), ".dev/any", ".ci/run"]
    assert [file for file in unneeded if not ignored.match_file(file)] == []


def test_the_workflow_folder_is_flat():
    """The host lists every .json directly in it as a workflow, and nothing below it."""
    assert {file.suffix for file in WORKFLOWS.iterdir()} == {".json", ".jpg"}


# ---------------------------------------------------------------------------------------------- sources and tests


def test_python_files_are_plain_ascii():
    """The host's checkers read them in the machine's own encoding."""
    assert [str(file.relative_to(ROOT)) for file in our_files(".py") if not file.read_bytes().isascii()] == []


def test_files_are_short_enough_to_read():
    files = our_files(".py", ".js")
    lengths = {file.name: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_test_is_left_out():
    """Tests stand in files that pytest collects, in folders that are no packages."""
    helpers = HARNESS / "test_pack"
    for file in TESTS.rglob("*.py"):
        if file.is_relative_to(helpers):
            continue
        defines_tests = re.search(r"^(async )?def test_|^class Test", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert bool(defines_tests) == file.name.startswith("test_"), file
        assert file.name != "__init__.py", file


def test_no_test_depends_on_the_speed_of_the_machine():
    """Hypothesis has neither a deadline nor a complaint about slow data, and no test sets a deadline of its own."""
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check
    own = TESTS / "conftest.py", TESTS / "test_package.py"
    files = [file for file in TESTS.rglob("*.py") if file not in own]
    assert [file for file in files if "deadline=" in file.read_text(encoding="utf-8")] == []
