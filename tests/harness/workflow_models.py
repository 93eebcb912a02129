"""Checks that a workflow says, for each model file that it names, where to get it and where to put it."""

from collections.abc import Iterator

from workflow_graphs import nodes_of

MODEL_SUFFIXES = (".safetensors", ".sft", ".ckpt", ".pth", ".pt", ".bin", ".gguf")
NOTES = ("Note", "MarkdownNote")


def missing_model_hints(workflow: dict, folders: set[str]) -> list[str]:
    """
    One line for each model file that is neither in its node's `properties.models` nor explained in a note.

    Args:
        workflow: as the page saves it.
        folders: the names of the host's model folders.

    A listed model has its name, an https address and a folder of the host. (The page offers a download for some
    sites only; where it would offer none, a note in the graph names the file, a folder and a page instead.)
    """
    notes = [str(node["widgets_values"]) for node in nodes_of(workflow) if node["type"] in NOTES]
    return [
        f"{node['type']} {node['id']}: {file}"
        for node in nodes_of(workflow)
        if node["type"] not in NOTES
        for file in _model_files(node)
        if not _is_listed(node, file, folders) and not any(_explains(note, file, folders) for note in notes)
    ]


def _model_files(node: dict) -> Iterator[str]:
    values = node.get("widgets_values") or []
    for value in values.values() if isinstance(values, dict) else values:
        if isinstance(value, str) and value.lower().endswith(MODEL_SUFFIXES):
            yield value


def _is_listed(node: dict, file: str, folders: set[str]) -> bool:
    return any(
        model["name"] == file and model["url"].startswith("https://") and model["directory"] in folders
        for model in node["properties"].get("models", [])
    )


def _explains(note: str, file: str, folders: set[str]) -> bool:
    return file in note and "https://" in note and any(f"models/{folder}" in note for folder in folders)
