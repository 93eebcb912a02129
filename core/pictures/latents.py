"""A check of latents for NaN and infinite values, which would decode to black pictures."""

import torch
from torch import Tensor

from ..errors import InbetweenError


def check_latent(latent_NCHW: Tensor, what: str) -> None:
    """Refuse a latent that is empty or has NaN or infinite values.

    Args:
        latent_NCHW: frames first.
        what: name of the latent for the error.

    Raises:
        InbetweenError: names the first frame with such values, and the usual cause.
    """
    if not latent_NCHW.numel():
        raise InbetweenError(f"{what} is empty (shape {tuple(latent_NCHW.shape)}); connect the output of a sampler.")
    bad = (~torch.isfinite(latent_NCHW).flatten(1).all(dim=1)).nonzero().flatten().tolist()
    if not bad:
        return
    frames = f"frame {bad[0]}" if len(bad) == 1 else f"frame {bad[0]} and {len(bad) - 1} more"
    raise InbetweenError(
        f"{what} has NaN or infinite values in {frames} of {len(latent_NCHW)}, which would give black pictures; very "
        "small sizes and strong guidance cause this in half precision, so use 576x1024, or start ComfyUI with "
        "--force-fp32."
    )
