"""Prompts written by hand, to send to the server without a page."""


def node(class_type: str, **inputs: object) -> dict:
    """A node of a prompt; a link is [id, output]."""
    return {"class_type": class_type, "inputs": inputs}


def keyframes_node(*images: str, **changes: object) -> dict:
    """Keyframes from node ids, with the widgets at their defaults unless changed."""
    widgets = {"frame_count": 5, "fit": "crop", "frame_rule": "any", "width": 0, "height": 0, "multiple_of": 1}
    sockets = {f"images.image{number}": [image, 0] for number, image in enumerate(images)}
    return node("InbetweenKeyframes", **{**widgets, "positions": "", **sockets, **changes})


TUNED = "svd_reverse_motion_with_attnflip/unet/diffusion_pytorch_model.safetensors"
SVD_PICTURES = {
    "motion_bucket": 127,
    "fps": 7,
    "noise_augmentation": 0.02,
    "augmentation_seed": 0,
    "preparation": "as published",
    "preparation.clip_image": "squash",
}
SVD_DIRECTIONS = {"method": "generative inbetweening", "fusion": "average", "fusion.cfg": 2.0, "memory": "auto"}


def svd_loaders(checkpoint: str = "svd_xt.safetensors", tuned: str = TUNED, base: str = "svd.safetensors") -> dict:
    """The nodes "svd" and "motion" of a prompt."""
    source = {"source": "tuned UNet and its base", "source.tuned": tuned, "source.base": base}
    return {
        "svd": node("ImageOnlyCheckpointLoader", ckpt_name=checkpoint),
        "motion": node("InbetweenReverseMotionLoader", **source),
    }
