"""Workflows as the page saves them: reading their nodes, and turning them into prompts."""

import json
from collections.abc import Iterator
from pathlib import Path

from comfy_cli.workflow_to_api import convert_ui_to_api
from project_paths import WORKFLOWS


def shipped_workflows() -> list[Path]:
    """The workflow files of the pack."""
    return sorted(WORKFLOWS.glob("*.json"))


def read_workflow(file: Path) -> dict:
    """A workflow file, parsed."""
    return json.loads(file.read_text(encoding="utf-8"))


def is_saved_by_page(workflow: dict) -> bool:
    """Whether it is a graph with nodes and links, rather than a prompt."""
    return "nodes" in workflow


def nodes_of(workflow: dict) -> Iterator[dict]:
    """Every node, those within subgraphs too, without the instances of subgraphs."""
    subgraphs = (workflow.get("definitions") or {}).get("subgraphs") or []
    instances = {subgraph["id"] for subgraph in subgraphs}
    for graph in (workflow, *subgraphs):
        yield from (node for node in graph["nodes"] if node["type"] not in instances)


def what_it_is(workflow: dict) -> dict:
    """What of a saved graph its user made: nodes, values, links, places; not what the page measures or counts."""
    made = {link[0]: (link[1], link[2]) for link in workflow["links"]}
    return {
        "nodes": {
            node["id"]: {
                "type": node["type"],
                "title": node.get("title"),
                "mode": node["mode"],
                "place": [round(value) for value in node["pos"]],
                "values": node.get("widgets_values") or [],
                "properties": node["properties"],
                "from": {each["name"]: made.get(each["link"]) for each in node.get("inputs", [])},
                "outputs": [each["name"] for each in node.get("outputs", [])],
            }
            for node in workflow["nodes"]
        },
        "groups": [(group["title"], [round(value) for value in group["bounding"]]) for group in workflow["groups"]],
    }


def to_prompt(workflow: dict, object_info: dict) -> dict:
    """The prompt that the page would send for the graph."""
    return convert_ui_to_api(workflow, object_info)
