"""Blueprints: a whole graph as one node. One that the page cannot read is told to every user at every start."""

import json

import pytest
from comfy_server import PACK_FOLDER
from project_paths import BLUEPRINTS
from workflow_graphs import nodes_of, read_workflow
from workflow_models import missing_model_hints

FILES = sorted(BLUEPRINTS.glob("*.json"))
NAMES = ["In-between (Wan)", "In-between (no model)", "Loop", "Refine and finish"]

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def test_there_are_those_we_promise():
    assert [file.stem for file in FILES] == NAMES
    assert {file.suffix for file in BLUEPRINTS.iterdir()} == {".json"}


@each_file
def test_it_is_one_node_with_its_graph(file):
    blueprint = read_workflow(file)
    (node,) = blueprint["nodes"]
    (subgraph,) = blueprint["definitions"]["subgraphs"]
    assert node["type"] == subgraph["id"]
    assert node["title"] == subgraph["name"] == file.stem
    assert subgraph["category"] == "In-between"
    assert subgraph["description"].endswith(".")
    assert blueprint["extra"]["BlueprintDescription"] == subgraph["description"]
    assert len(blueprint["extra"]["BlueprintSearchAliases"]) >= 3
    assert [each["name"] for each in node["inputs"]] == [each["name"] for each in subgraph["inputs"]]
    assert [each["name"] for each in node["outputs"]] == [each["name"] for each in subgraph["outputs"]]
    assert all(each["linkIds"] for each in (*subgraph["inputs"], *subgraph["outputs"]))


@each_file
def test_it_needs_core_nodes_and_ours_only_and_says_where_models_are_from(server, host, file):
    import folder_paths

    blueprint = read_workflow(file)
    ours = f"custom_nodes.{PACK_FOLDER}"
    for node in nodes_of(blueprint):
        module = server.object_info[node["type"]]["python_module"]
        assert module == ours or module.split(".")[0] in ("nodes", "comfy_extras"), node["type"]
        if module == ours:
            assert node["properties"]["cnr_id"] == "inbetween"
    assert missing_model_hints(blueprint, set(folder_paths.folder_names_and_paths)) == []


def test_the_server_offers_them(server):
    listed = server.get("/global_subgraphs").json()
    ours = {told["name"]: key for key, told in listed.items() if told["info"]["node_pack"].endswith(PACK_FOLDER)}
    assert sorted(ours) == NAMES
    for name, key in ours.items():
        content = server.get(f"/global_subgraphs/{key}").json()["data"]
        assert json.loads(content) == read_workflow(BLUEPRINTS / f"{name}.json")
