"""Recognising what a weight file contains by its tensor names."""

from collections.abc import Collection

from .weight_files import PARALLEL

# Tensor names of models that are often put into the folder for frame interpolation models.
KNOWN = {
    "RIFE": ("block0.conv0.0.0.weight", "flownet.block0.conv0.0.0.weight", "encode.cnn0.weight"),
    "FILM": ("extract.extract_sublevels.convs.0.0.conv.weight",),
    "RAFT, an optical flow model": ("update_block.flow_head.conv1.weight",),
}
LORA_ENDINGS = (".lora_down.weight", ".lora_A.weight", ".lora_up.weight", ".lora_B.weight")


def has_tensor(names: Collection[str], *endings: str) -> bool:
    """Whether one of the names has one of these endings, with any prefix."""
    return any(name.endswith(endings) for name in names)


def what_it_is(names: Collection[str]) -> str:
    """What a file is, for an error: "is RAFT, an optical flow model", or that it is not known.

    Args:
        names: its tensor names, with or without "module." before each.
    """
    bare = {name.removeprefix(PARALLEL) for name in names}
    found = next((kind for kind, marks in KNOWN.items() if not bare.isdisjoint(marks)), None)
    if found is None and has_tensor(bare, *LORA_ENDINGS):
        found = "a LoRA"
    return f"is {found}" if found else "is not a model that this node knows"
