"""
A saved graph opens for ever: every node, input and output of a published version is there, or is replaced.

`published.json` is added to when a version is published, and nothing is ever taken out of it. A node, input or output
that is renamed gets an `io.NodeReplace`, registered in the extension's `on_load`, and the host then offers the change.
"""

import json
from pathlib import Path

PUBLISHED = Path(__file__).with_name("published.json")


def parts_of(info: dict) -> dict:
    """What a graph knows a node by: the names of its inputs, and how many outputs it has."""
    names = [name for part in ("required", "optional") for name in info["input"].get(part, {})]
    return {"inputs": sorted(names), "outputs": len(info["output"])}


def lost(published: dict, today: dict, replacements: dict) -> list[str]:
    """
    What a graph of a published version would miss.

    Args:
        published: for each node id what `parts_of` gave then.
        today: the same of today's nodes.
        replacements: as GET /node_replacements tells them.
    """
    found = []
    for node, then in published.items():
        now = today.get(node)
        if now is None:
            records = [each for each in replacements.get(node, []) if each["new_node_id"] in today]
            if not records:
                found.append(node)
                continue
            mapped = {each["old_id"] for each in records[0].get("input_mapping") or [] if "old_id" in each}
            found += [f"{node}.{name}" for name in then["inputs"] if name not in mapped]
            continue
        found += [f"{node}.{name}" for name in then["inputs"] if name not in now["inputs"]]
        if now["outputs"] < then["outputs"]:
            found.append(f"{node} output {now['outputs']}")
    return found


def test_nothing_published_is_lost(server):
    today = {node: parts_of(info) for node, info in server.object_info.items()}
    replacements = server.get("/node_replacements").json()
    for version, published in json.loads(PUBLISHED.read_text(encoding="utf-8")).items():
        assert lost(published, today, replacements) == [], version


def test_every_node_of_today_is_on_record(all_nodes):
    """Under the version that is to be published next, if under none yet."""
    recorded = {node for version in json.loads(PUBLISHED.read_text(encoding="utf-8")).values() for node in version}
    entries = {
        node.__name__: {"inputs": sorted(each.id for each in schema.inputs), "outputs": len(schema.outputs)}
        for node in all_nodes
        for schema in [node.GET_SCHEMA()]
        if node.__name__ not in recorded
    }
    assert not entries, f"add to published.json, under the next version: {json.dumps(entries)}"


def test_replacements_of_the_host_point_to_nodes_that_are_there(server):
    """The form of its answer, on which the test above relies."""
    replacements = server.get("/node_replacements").json()
    assert replacements
    for old, records in replacements.items():
        for record in records:
            assert record["old_node_id"] == old
            assert record["new_node_id"] in server.object_info


def test_what_is_lost_would_be_seen():
    then = {"Old": {"inputs": ["a", "b"], "outputs": 2}}
    new = {"New": {"inputs": ["c", "d"], "outputs": 2}}
    both = [{"old_id": "a", "new_id": "c"}, {"old_id": "b", "new_id": "d"}]
    assert lost(then, then, {}) == []
    assert lost(then, new, {}) == ["Old"]
    assert lost(then, new, {"Old": [{"new_node_id": "New", "input_mapping": both}]}) == []
    assert lost(then, new, {"Old": [{"new_node_id": "New", "input_mapping": both[:1]}]}) == ["Old.b"]
    assert lost(then, new, {"Old": [{"new_node_id": "Gone", "input_mapping": both}]}) == ["Old"]
    assert lost(then, {"Old": {"inputs": ["a"], "outputs": 1}}, {}) == ["Old.b", "Old output 1"]
