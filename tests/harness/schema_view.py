"""A node's schema as the host publishes it, without what depends on the machine."""

import json

import folder_paths
from comfy_api.latest import io


def schema_view(node_class: type[io.ComfyNode]) -> dict:
    """The node's `/object_info` entry, which saved workflows and other programs rely on, without names of files."""
    info = node_class.GET_NODE_INFO_V1()
    del info["python_module"]  # the name of the pack's folder
    files = {file for folder in folder_paths.folder_names_and_paths for file in folder_paths.get_filename_list(folder)}
    return _without(json.loads(json.dumps(info)), files)


def _without(value: object, files: set[str]) -> object:
    if isinstance(value, dict):
        return {key: _without(inner, files) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without(inner, files) for inner in value if not (isinstance(inner, str) and inner in files)]
    return value
