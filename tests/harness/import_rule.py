"""
The rule of which folder may import which, and its check.

Imports run one way: core <- samplers, networks, media <- host <- nodes <- the root's __init__. Inside the pack they are
relative. Each folder has a list of outside packages that it may import.
"""

import ast
import sys
from pathlib import Path, PurePosixPath

ROOT_ROOM = "__init__"
MAY_IMPORT_ROOMS = {
    "core": {"core"},
    "samplers": {"core", "samplers"},
    "networks": {"core", "networks"},
    "media": {"core", "media"},
    "host": {"core", "samplers", "networks", "media", "host"},
    "nodes": {"core", "samplers", "networks", "media", "host", "nodes"},
    ROOT_ROOM: {"nodes"},
    "convert": {"core", "networks"},
}
LIBRARIES = {"torch", "torchvision", "torchaudio", "einops", "safetensors", "numpy", "cv2"}
HOST_MODULES = {
    "comfy",
    "comfy_api",
    "comfy_extras",
    "comfy_execution",
    "folder_paths",
    "node_helpers",
    "nodes",
    "latent_preview",
}
NOT_SHIPPED = {"dev.py", "setup.py"}
MAY_IMPORT_MODULES = {
    "core": LIBRARIES,
    "samplers": LIBRARIES,
    "networks": LIBRARIES,
    "media": LIBRARIES,
    "host": LIBRARIES | HOST_MODULES,
    "nodes": set(),
    ROOT_ROOM: set(),
    "convert": LIBRARIES,
}
# Whole names that are allowed beside the modules above, by room or by a folder within it.
MAY_IMPORT_NAMES = {
    "media": {"av"},
    "host": {"av", "PIL"},
    "nodes": {"comfy_api.latest"},
    "nodes/graphs": {"comfy_execution.graph_utils"},
}


def violations(path: PurePosixPath, source: str) -> list[str]:
    """
    What a module of the pack imports against the rule.

    Args:
        path: of the file, relative to the root.
        source: its text.

    Returns:
        One line for each violation: "nodes/x.py:3 imports comfy.sd".
    """
    room = path.parts[0].removesuffix(".py")
    return [
        f"{path}:{node.lineno} imports {name}"
        for node in ast.walk(ast.parse(source))
        for name in _imported(node, path)
        if not _allowed(name, room, path.parent.as_posix())
    ]


def modules(root: Path) -> dict[PurePosixPath, str]:
    """The text of every module of the pack, by its path relative to the root."""
    rooms = [room for room in MAY_IMPORT_ROOMS if (root / room).is_dir()]
    files = [*sorted(root.glob("*.py")), *(file for room in rooms for file in sorted((root / room).rglob("*.py")))]
    files = [file for file in files if file.name not in NOT_SHIPPED]
    return {PurePosixPath(file.relative_to(root).as_posix()): file.read_text(encoding="utf-8") for file in files}


def _imported(node: ast.AST, path: PurePosixPath) -> list[str]:
    """The modules that a statement imports; those inside the pack as ".room.module"."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    if node.level == 0:
        return [node.module or ""]
    package = path.parent.parts
    if node.level - 1 > len(package):
        return ["a module above the pack"]
    within = (*package[: len(package) - (node.level - 1)], *(node.module or "").split("."))
    named = [part for part in within if part]
    return ["." + ".".join(named)] if named else [f".{alias.name}" for alias in node.names]


def _allowed(name: str, room: str, folder: str) -> bool:
    if name.startswith("."):
        return name[1:].split(".")[0] in MAY_IMPORT_ROOMS[room]
    if any(name in MAY_IMPORT_NAMES.get(place, ()) for place in (room, folder)):
        return True
    top = name.split(".")[0]
    return top in sys.stdlib_module_names or top in MAY_IMPORT_MODULES[room]
