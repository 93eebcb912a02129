"""
Random RIFE and FILM in the published file layouts, which the host's own loader reads. Call `boot_host` first.

RIFE is 8 to 16 channels wide instead of 32 to 192. FILM cannot be smaller than 69 MB in float16, because the host's
loader knows only that size.
"""

from pathlib import Path

import torch
from random_weights import randomise, write_weights

RIFE_CHANNELS = (16, 12, 12, 8, 8)


def small_rife(seed: int = 0):
    """RIFE 4.25, 8 to 16 channels wide."""
    from comfy_extras.frame_interpolation_models.ifnet import IFNet

    return randomise(IFNet(head_ch=4, channels=RIFE_CHANNELS), seed).eval()


def published_rife(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same by the names of a flownet.pkl: blocks by number, and parts that only training needs."""
    tensors = {f"block{name.removeprefix('blocks.')}" if "blocks." in name else name: t for name, t in weights.items()}
    tensors["teacher.conv0.0.0.weight"] = torch.zeros(4, 4, 3, 3)
    tensors["caltime.0.weight"] = torch.zeros(4, 4, 3, 3)
    return tensors


def write_rife(path: Path, seed: int = 0) -> Path:
    """A file as the authors publish it, or as it is repackaged for the host, by the suffix of the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        return write_weights(small_rife(seed).state_dict(), path)
    torch.save(published_rife(small_rife(seed).state_dict()), path)
    return path


def lifelike_film(seed: int = 0, **sizes: object):
    """
    FILM that makes about the mean of both frames, moved by a pixel or two: what a random one makes is like neither.

    `sizes` are arguments of the host's FILMNet, for a small one; without any it is of the published size.
    """
    from comfy_extras.frame_interpolation_models.film_net import FILMNet

    network = randomise(FILMNet(**sizes), seed)
    with torch.no_grad():
        for tensor in network.predict_flow.parameters():
            if tensor.shape[0] == 2:  # the last layer of each level; motion doubles from level to level
                tensor *= 0.5
        finest, channels = network.fuse.convs[-1], network.extract.extract_sublevels.convs[0][0].conv.out_channels
        mixing, passing, out = finest[1].conv.weight, finest[2].conv.weight, network.fuse.output_conv.weight
        for layer in (mixing, passing, out):
            layer[:3] *= 0.02
        for colour in range(3):
            for frame in range(2):
                mixing[colour, colour + frame * (3 + channels), 1, 1] += 0.5
            passing[colour, colour, 1, 1] += 1
            out[colour, colour] += 1
    return network.eval()


def small_film(seed: int = 0):
    """FILM with 4 channels where the published one has 64."""
    return lifelike_film(seed, filters=4, flow_filters=(4, 4, 8, 8))


def write_film(path: Path, seed: int = 0) -> Path:
    """A file of the published size as it is repackaged for the host, in float16."""
    return write_weights({name: tensor.half() for name, tensor in lifelike_film(seed).state_dict().items()}, path)
