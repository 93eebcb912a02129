"""The workflows of the repository: they parse, end in bounded time, and check the versions that the pack claims."""

import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml
from project_paths import ROOT

from devtools.comfyui_host import OLDEST_VERSION, VERSION
from devtools.command_line import parser

if sys.version_info >= (3, 11):
    import tomllib
else:  # pytest brings it
    import tomli as tomllib

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
LONGEST_MINUTES = 60


def read(name: str) -> dict:
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))


def steps_of(workflow: dict) -> list[dict]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def pythons(project) -> tuple[str, str]:
    """The oldest and the newest Python that the pack claims."""
    named = [line.rpartition(" ")[2] for line in project["project"]["classifiers"] if "Python :: 3." in line]
    versions = sorted(named, key=lambda version: int(version.partition(".")[2]))
    return versions[0], versions[-1]


def test_the_claims_agree_with_each_other(project, pythons):
    assert project["project"]["requires-python"] == f">={pythons[0]}"
    assert project["tool"]["comfy"]["requires-comfyui"] == f">={OLDEST_VERSION}"


def test_pull_requests_are_checked_on_every_system_at_both_ends(pythons):
    matrix = read("checks.yml")["jobs"]["tests"]["strategy"]["matrix"]["include"]
    ends = {(pythons[0], OLDEST_VERSION), (pythons[1], VERSION)}
    systems = {"ubuntu-latest", "windows-latest", "macos-latest"}
    assert {(job["os"], job["python"], job["comfyui"]) for job in matrix} == {
        (os, *end) for os in systems for end in ends
    }
    for job in matrix:
        fetched = "comfyui_option" not in job
        assert fetched == (job["comfyui"] == VERSION)  # the one that dev.py gets by itself
        assert job.get("scope") == (None if job["os"].startswith("ubuntu") else "--quick")
    (host,) = [step["with"] for step in steps_of(read("checks.yml")) if "repository" in step.get("with", {})]
    assert host["ref"] == "v${{ matrix.comfyui }}"


def test_the_linter_runs_on_the_oldest_python(pythons):
    lint = read("checks.yml")["jobs"]["lint"]["steps"]
    assert pythons[0] in [step.get("with", {}).get("python-version") for step in lint]
    assert lint[-1]["run"].startswith("python dev.py lint")


def test_the_weekly_run_takes_the_newest_of_everything(pythons):
    workflow = read("newest.yml")
    assert len(workflow[True]["schedule"]) == 1  # YAML reads the key `on` as true
    steps = steps_of(workflow)
    (host,) = [step["with"] for step in steps if "repository" in step.get("with", {})]
    assert "ref" not in host
    assert pythons[1] in [step.get("with", {}).get("python-version") for step in steps]
    assert "==" not in " ".join(step.get("run", "") for step in steps)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_job_ends(file: Path):
    for job in read(file.name)["jobs"].values():
        assert job["timeout-minutes"] <= LONGEST_MINUTES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_they_call_dev_py_with_is_what_it_takes(file: Path):
    workflow = read(file.name)
    choices = [{}]
    for job in workflow["jobs"].values():
        choices += job.get("strategy", {}).get("matrix", {}).get("include", [])
    for step in steps_of(workflow):
        for line in re.findall(r"^python dev\.py (.*)$", step.get("run", ""), re.MULTILINE):
            for choice in choices:
                chosen = re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda found: choice.get(found[1], ""), line)  # noqa: B023
                _, rest = parser().parse_known_args(shlex.split(chosen))
                assert rest == []


def test_ci_is_the_linter_and_the_command_of_the_readme():
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("python")] == ["python dev.py lint", "python dev.py test"]
    assert "\npython dev.py test " in (ROOT / "README.md").read_text(encoding="utf-8")
