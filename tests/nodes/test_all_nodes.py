"""
What holds for every node of the pack, so that a new node falls under it by itself.

What needs the host is imported within the tests, so that they can be collected without one.
"""

import ast
import json
import re
from functools import partial

import pytest
import torch
from golden_files import assert_in_step, is_updating
from help_pages import described_names, image_links
from import_rule import MAY_IMPORT_ROOMS, modules
from project_paths import DOCS, LOCALES, ROOT, SCHEMA_FILE
from value_copies import frozen_copy, same
from workflow_graphs import nodes_of, read_workflow, shipped_workflows

SOURCE = re.compile(r"arXiv|CVPR|ICCV|ECCV|published code|as published")
# The page compiles names and descriptions as messages, in which these begin a link, a value or a plural.
SPECIAL_IN_MESSAGES = re.compile(r"[@{}|]")


@pytest.fixture
def schema(node_class):
    return node_class.GET_SCHEMA()


@pytest.fixture
def run(node_class):
    """Executes the node as the host does."""
    from node_runs import run_node

    return partial(run_node, node_class)


@pytest.fixture
def examples(schema, tiny_models):
    """The arguments of each example, made anew at every call; files of models are there to be chosen."""
    from node_examples import EXAMPLES

    assert schema.node_id in EXAMPLES, f"add real inputs for {schema.node_id} to tests/harness/node_examples.py"
    return lambda: list(EXAMPLES[schema.node_id]())


def test_identity(node_class, schema):
    assert schema.node_id == node_class.__name__
    assert schema.node_id.startswith("Inbetween")
    assert schema.display_name
    assert schema.category.split("/")[0] == "in-between"


def test_it_can_be_found(schema):
    assert schema.description.endswith(".")
    assert len(schema.search_aliases) >= 3
    assert len(set(schema.search_aliases)) == len(schema.search_aliases)


def test_every_input_and_output_is_explained(schema):
    from schema_inputs import page_inputs

    silent = [identifier for identifier, _, each in page_inputs(schema.inputs) if not each.tooltip]
    silent += [f"output {number}" for number, each in enumerate(schema.outputs) if not each.tooltip]
    nameless = [number for number, each in enumerate(schema.outputs) if not each.display_name]
    assert not silent
    assert not nameless


def test_names_survive_the_page_s_translation(schema):
    from schema_inputs import page_inputs

    texts = [schema.display_name, schema.description, schema.category]
    texts += [name for _, name, _ in page_inputs(schema.inputs)] + [each.display_name for each in schema.outputs]
    assert [text for text in texts if SPECIAL_IN_MESSAGES.search(text)] == []


@pytest.fixture
def page(schema) -> str:
    """The help page of the node."""
    file = DOCS / schema.node_id / "en.md"
    assert file.is_file(), f"write a help page, web/docs/{schema.node_id}/en.md"
    return file.read_text(encoding="utf-8")


def test_help_page_is_in_step_with_the_schema(schema, page):
    from schema_inputs import names_of_inputs, options_of_inputs

    described = described_names(page, "Inputs")
    assert names_of_inputs(schema.inputs) - described == set()
    assert described - names_of_inputs(schema.inputs) - options_of_inputs(schema.inputs) == set()
    assert described_names(page, "Outputs") == {output.display_name for output in schema.outputs}


def test_help_page_shows_a_picture(page):
    links = image_links(page)
    assert links
    for text, address in links:
        assert text, f"{address} has no alternative text"
        # The page reads addresses from the folder of all help pages, not from the one the help page is in.
        assert (DOCS / address).is_file(), f"there is no {address} in web/docs"


def test_help_page_is_complete(schema, page):
    """Limits, a workflow in which the node stands, and where the method is from, if it is from somewhere."""
    headings = re.findall(r"^## (.*)$", page, re.MULTILINE)
    assert [heading for heading in headings if "limits" in heading.lower()]
    assert headings[-1] == "Workflow"
    named = set(re.findall(r"`([a-z0-9_]+)`", page.rpartition("## Workflow")[2]))
    standing = {
        file.stem
        for file in shipped_workflows()
        if schema.node_id in {node["type"] for node in nodes_of(read_workflow(file))}
    }
    assert named
    assert named <= standing, f"not in workflows/, or without this node: {', '.join(sorted(named - standing))}"
    if SOURCE.search(page):
        assert {"Paper", "Papers", "Source", "Method"} & set(headings)


def test_help_pages_are_those_of_the_nodes(all_nodes):
    assert {folder.name for folder in DOCS.iterdir()} == {node_class.__name__ for node_class in all_nodes}


def test_locale_file_is_in_step_with_the_schemas(all_nodes):
    from locale_file import node_definitions, rekeyed

    english, definitions = LOCALES / "en" / "nodeDefs.json", node_definitions(all_nodes)
    if is_updating():  # translations follow the English texts that were reworded
        before = json.loads(english.read_text(encoding="utf-8"))
        for file in LOCALES.glob("*/texts.json"):
            table = rekeyed(before, definitions, json.loads(file.read_text(encoding="utf-8")))
            file.write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    assert_in_step(english, definitions)


def test_schemas_have_not_changed_by_accident(all_nodes):
    """A saved workflow relies on ids, types, order and defaults; what changes here is a version of its own."""
    from schema_view import schema_view

    assert_in_step(SCHEMA_FILE, {node_class.__name__: schema_view(node_class) for node_class in all_nodes})


def test_it_stands_in_a_shipped_workflow(schema):
    used = {node["type"] for file in shipped_workflows() for node in nodes_of(read_workflow(file))}
    assert schema.node_id in used, f"add a graph with {schema.node_id} to workflows/"


def test_no_room_below_names_a_node(all_nodes):
    """Whoever names a node by its id depends on it, and no import shows that; graphs stand beside the nodes."""
    ids = {node_class.GET_SCHEMA().node_id for node_class in all_nodes}
    found = [
        f"{path}:{each.lineno} names {name}"
        for path, source in modules(ROOT).items()
        if path.parts[0] in MAY_IMPORT_ROOMS["host"]
        for each in ast.walk(ast.parse(source))
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
        for name in re.findall(r"\w+", each.value)
        if name in ids
    ]
    assert found == []


def test_examples_use_every_option(schema, examples):
    from comfy_api.latest import io

    for each in schema.inputs:
        if isinstance(each, io.DynamicCombo.Input):
            used = {arguments[each.id][each.id] for arguments in examples()}
            assert used == {option.key for option in each.options}


def test_runs_leave_nothing_behind(node_class, schema, examples, run):
    """
    A node gives what its schema says, writes to no input, keeps nothing, and gives the same again.

    The second run sees what a first one left in the inputs, on the class or in a module, and memory that it used again
    would change the first result, which the host keeps. The third one starts from inputs and a random state of its own.
    """
    before = dict(vars(node_class))
    for arguments, again in zip(examples(), examples(), strict=True):
        given = frozen_copy(arguments)
        first = run(arguments)
        assert len(first) == len(schema.outputs)
        assert same(given, frozen_copy(arguments)), "an input was written to"
        result = frozen_copy(first)
        assert same(result, frozen_copy(run(arguments))), "the second run gave something else"
        assert same(result, frozen_copy(first)), "the second run changed the first result"
        torch.manual_seed(99)
        assert same(result, frozen_copy(run(again))), "the result depends on something that is not an input"
    assert dict(vars(node_class)) == before, "something is kept on the class"
