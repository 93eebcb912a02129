"""
The conversion by which workflows are run without a page (comfy-cli) gives what the page itself would queue.

Each graph is built or changed in the real page, so that it is what a user would save.
"""

import pytest
from project_paths import WORKFLOWS
from workflow_graphs import read_workflow, shipped_workflows, to_prompt, what_it_is

HELPERS = """() => {
    window.graph = () => window.app.graph
    window.ofType = (type, graph = window.app.graph) => graph.nodes.find((node) => node.type === type)
    window.slot = (node, name) => node.inputs.findIndex((input) => input.name === name)
    window.add = (type) => {
        const node = window.LiteGraph.createNode(type)
        window.app.graph.add(node)
        return node
    }
    window.intoSubgraph = (...types) => window.app.graph.convertToSubgraph(new Set(types.map((type) => ofType(type))))
}"""

# Each change of workflows/three_keyframes.json, by what it is about.
CHANGES = {
    "option with two inputs": "() => { ofType('InbetweenInterpolate').widgets[0].value = 'frame rate' }",
    "changed value within an option": """() => {
        const { widgets } = ofType('InbetweenInterpolate')
        widgets[0].value = 'frame rate'
        widgets.find(({ name }) => name === 'timing.target_fps').value = 48.5
    }""",
    "link into an option": """() => {
        const node = ofType('InbetweenInterpolate')
        node.widgets[0].value = 'frame count'
        ofType('InbetweenFrameCount').connect(0, node, slot(node, 'timing.frame_count'))
    }""",
    "option that is a socket": """() => {
        const node = ofType('InbetweenFrameCount')
        node.widgets.find(({ name }) => name === 'duration').value = 'audio'
        add('EmptyAudio').connect(0, node, slot(node, 'duration.audio'))
    }""",
    "autogrow with a fourth image": """() => {
        const node = ofType('InbetweenKeyframes')
        ofType('LoadImage').connect(0, node, slot(node, 'images.image3'))
    }""",
    "autogrow after taking out the second image": """() => {
        const node = ofType('InbetweenKeyframes')
        node.disconnectInput(slot(node, 'images.image1'))
    }""",
    "autogrow with a gap": """() => {
        const node = ofType('InbetweenKeyframes')
        node.disconnectInput(slot(node, 'images.image0'))
    }""",
    "muted node": "() => { ofType('SaveImage').mode = 2 }",
    "core nodes with options, reroute and seed": """() => {
        ofType('LoadImage').connect(0, add('ResizeImageMaskNode'), 0)
        ofType('ResizeImageMaskNode').connect(0, add('Reroute'), 0)
        ofType('Reroute').connect(0, add('PreviewImage'), 0)
        add('KSampler')
    }""",
    "subgraph of nodes with options": """() => {
        intoSubgraph('InbetweenInterpolatorLoader', 'InbetweenInterpolate', 'InbetweenFinish')
    }""",
    "subgraph with autogrow": "() => { intoSubgraph('InbetweenKeyframes', 'InbetweenFrameCount', 'CreateVideo') }",
    "subgraph in a subgraph": """() => {
        const { node } = intoSubgraph('InbetweenKeyframes', 'InbetweenFrameCount')
        graph().convertToSubgraph(new Set([node, ofType('InbetweenInterpolate')]))
    }""",
    "widgets shown on a subgraph": """() => {
        ofType('InbetweenInterpolate').widgets[0].value = 'multiplier'
        const { node, subgraph } = intoSubgraph('InbetweenKeyframes', 'InbetweenInterpolate')
        const keyframes = ofType('InbetweenKeyframes', subgraph)
        const interpolate = ofType('InbetweenInterpolate', subgraph)
        const shown = (name, type, inner, input) =>
            subgraph.addInput(name, type).connect(inner.inputs[slot(inner, input)], inner)
        shown('where', 'STRING', keyframes, 'positions')
        shown('times', 'INT', interpolate, 'timing.multiplier')
        node.widgets.find(({ name }) => name === 'where').value = '0, 20, -1'
        node.widgets.find(({ name }) => name === 'times').value = 7
    }""",
}


@pytest.fixture
def page(browser, server):
    opened = browser.page("nodes 2.0", server)
    opened.page.evaluate(HELPERS)
    return opened


def assert_equal_to_page(page, server) -> dict:
    """The prompt of the page, after comparing: nodes, their inputs and links; the titles too."""
    prompt = page.prompt()
    assert to_prompt(page.saved(), server.object_info) == prompt
    return prompt


@pytest.mark.parametrize("file", shipped_workflows(), ids=lambda file: file.stem)
def test_shipped_workflows(page, server, file):
    """And saved again they are what they were; nothing is missing."""
    page.drop(file)
    assert_equal_to_page(page, server)
    assert what_it_is(page.saved()) == what_it_is(read_workflow(file))
    known = "() => window.app.graph.nodes.every((node) => node.type in window.LiteGraph.registered_node_types)"
    assert page.page.evaluate(known)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_changed_graphs(page, server, change):
    page.drop(WORKFLOWS / "three_keyframes.json")
    before = page.prompt()
    page.change(change)
    assert assert_equal_to_page(page, server) != before


def test_a_saved_graph_comes_back_the_same(page, server):
    """What the page saves and opens again is the same prompt: no value slips to another widget."""
    page.drop(WORKFLOWS / "three_keyframes.json")
    page.change(CHANGES["changed value within an option"])
    before = page.prompt()
    page.load(page.saved())
    assert page.prompt() == before
    assert page.errors == []
