"""Values that are no numbers, found before they become black pictures."""

import torch
from torch import Tensor

from ..errors import InbetweenError


def check_latent(latent_NCHW: Tensor, what: str) -> None:
    """Refuse a latent that is empty or has NaN or infinite values.

    Args:
        latent_NCHW: frames first.
        what: how the error calls it.

    Raises:
        InbetweenError: names the first frame with such values, and what usually brings them.
    """
    if not latent_NCHW.numel():
        raise InbetweenError(f"{what} is empty, of shape {tuple(latent_NCHW.shape)}; connect the one of a sampler.")
    bad = (~torch.isfinite(latent_NCHW).flatten(1).all(dim=1)).nonzero().flatten().tolist()
    if not bad:
        return
    frames = f"frame {bad[0]}" if len(bad) == 1 else f"frame {bad[0]} and {len(bad) - 1} more"
    raise InbetweenError(
        f"{what} is not finite (NaN or infinite) in {frames} of {len(latent_NCHW)} and would give black pictures; in "
        "half precision this comes from very small sizes and strong guidance: use 576x1024, or start ComfyUI with "
        "--force-fp32."
    )
