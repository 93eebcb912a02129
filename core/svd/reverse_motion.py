"""What fine-tuning for backward motion changed in an SVD: Generative Inbetweening, arXiv 2408.15239, section 3.2."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class LayerChange:
    """What is added to the weights of one attention layer, each of shape (channels, channels).

    to_v: to those that make values. to_out: to those of the output. Both are zero at rest.
    """

    to_v: Tensor
    to_out: Tensor


@dataclass(frozen=True, eq=False)
class ReverseMotion:
    """Changes of the temporal self-attention layers of an SVD, for the direction from the last frame to the first.

    name: how reports call it. changes: by the host's name of the layer, without a prefix.
    """

    name: str
    changes: Mapping[str, LayerChange]
