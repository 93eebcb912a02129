"""
The English locale file, made from the schemas so that it cannot drift from them.

It does more than repeat them: for the sockets that an Autogrow input adds, the page finds a tooltip here and nowhere
else.
"""

from collections.abc import Iterable

from comfy_api.latest import io
from schema_inputs import page_inputs


def node_definitions(node_classes: Iterable[type[io.ComfyNode]]) -> dict:
    """What `locales/en/nodeDefs.json` has to hold: texts by node id, input id (dots as underscores), output number."""
    return {schema.node_id: _node_texts(schema) for schema in (node_class.GET_SCHEMA() for node_class in node_classes)}


def _node_texts(schema: io.Schema) -> dict:
    return {
        "display_name": schema.display_name,
        "description": schema.description,
        "inputs": {
            identifier.replace(".", "_"): {"name": name, "tooltip": each.tooltip}
            for identifier, name, each in page_inputs(schema.inputs)
        },
        "outputs": {
            str(number): {"name": output.display_name, "tooltip": output.tooltip}
            for number, output in enumerate(schema.outputs)
        },
    }
