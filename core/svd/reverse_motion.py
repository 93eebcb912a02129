"""The weights that make SVD generate reversed motion: Generative Inbetweening, arXiv 2408.15239, section 3.2."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class LayerChange:
    """The changes to one attention layer, to be added to its weights; shape (channels, channels) each.

    to_v: change of the value projection.
    to_out: change of the output projection.
    """

    to_v: Tensor
    to_out: Tensor


@dataclass(frozen=True, eq=False)
class ReverseMotion:
    """Changes to the temporal self-attention layers of SVD, for the direction from the last frame to the first.

    name: name for reports.
    changes: by the host's name of the layer, without a prefix.
    """

    name: str
    changes: Mapping[str, LayerChange]
