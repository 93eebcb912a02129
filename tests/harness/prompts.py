"""Prompts by hand: what is sent to the server without a page."""


def node(class_type: str, **inputs: object) -> dict:
    """A node of a prompt; a link is [id, output]."""
    return {"class_type": class_type, "inputs": inputs}


def keyframes_node(*images: str, **changes: object) -> dict:
    """Keyframes from node ids, with the widgets at their defaults unless changed."""
    widgets = {"frame_count": 5, "fit": "crop", "frame_rule": "any", "width": 0, "height": 0, "multiple_of": 1}
    sockets = {f"images.image{number}": [image, 0] for number, image in enumerate(images)}
    return node("InbetweenKeyframes", **{**widgets, "positions": "", **sockets, **changes})
