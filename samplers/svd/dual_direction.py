"""
Generative Inbetweening: a clip denoised from its first frame on and from its last frame back, at once.

The formulas are those of arXiv 2408.15239 as its published code has them (jeanne-wang/svd_keyframe_interpolation at
commit 61fd2bf). Backward tensors stand in their own time: their frame 0 is the last frame of the clip.
"""

from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

Fusion = Literal["average", "linear by frame"]
FUSIONS: tuple[Fusion, ...] = get_args(Fusion)

MAPS_ARE_FASTER = ("cpu",)  # 1.5 to 5 times, where no fused kernel takes values that are wider than queries
ROWS_PER_CALL = 2**15  # of one attention call: kernels for GPUs allow no more than 65535 blocks


def rotated(map_RHNN: Tensor) -> Tensor:
    """An attention map between frames turned by 180 degrees: what the map of the clip run backward would be.

    Args:
        map_RHNN: weights after softmax, shape (..., frames, frames); rows are queries, columns keys.

    Returns:
        The same shape. Turned twice it is itself.
    """
    return map_RHNN.flip(-2, -1)


def attention_map(query_RNC: Tensor, key_RNC: Tensor, heads: int) -> Tensor:
    """How much each frame looks at each, softmax(Q K^T / sqrt(head size)), computed in float32.

    Args:
        query_RNC, key_RNC: shape (rows, frames, channels); a row is a place in the picture.
        heads: the channels of each stand side by side.

    Returns:
        Shape (rows, heads, frames, frames), in the type of the queries.
    """
    rows, frames, _ = query_RNC.shape
    map_RHNN = query_RNC.new_empty((rows, heads, frames, frames))
    for part in _parts(rows):
        query_RHND, key_RHND = (_per_head(each[part], heads) for each in (query_RNC, key_RNC))
        scores_RHNN = query_RHND.float() @ key_RHND.float().transpose(-1, -2) * query_RHND.shape[-1] ** -0.5
        map_RHNN[part] = scores_RHNN.softmax(dim=-1)
    return map_RHNN


def attend(map_RHNN: Tensor, value_RNC: Tensor) -> Tensor:
    """The values as a map weighs them, shape (rows, frames, channels)."""
    return _joined(map_RHNN @ _per_head(value_RNC, map_RHNN.shape[1]))


def paired_attention(query_RNC: Tensor, key_RNC: Tensor, values_BNC: Tensor, heads: int) -> Tensor:
    """Self-attention of the forward clip, and that of the backward clip with the forward one's map rotated.

    Turning a map is turning what goes in and what comes out, rot180(P) V = flip(P flip(V)), so that no map is needed:
    one attention takes the values of both clips side by side. On the CPU the map of these rows is made all the same.

    Args:
        query_RNC, key_RNC: of the forward clip, shape (rows, frames, channels).
        values_BNC: of the forward and then of the backward clip, each in its own time, shape (2 rows, frames,
            channels).
        heads: the channels of each stand side by side.

    Returns:
        What comes out for the forward and then for the backward clip, shape (2 rows, frames, channels).
    """
    out_BNC = torch.empty_like(values_BNC)
    (forward_RNC, backward_RNC), (own_RNC, other_RNC) = values_BNC.chunk(2), out_BNC.chunk(2)
    for part in _parts(len(query_RNC)):
        if query_RNC.device.type in MAPS_ARE_FASTER:
            map_RHNN = attention_map(query_RNC[part], key_RNC[part], heads)
            own_RNC[part] = attend(map_RHNN, forward_RNC[part])
            other_RNC[part] = attend(rotated(map_RHNN), backward_RNC[part])
            continue
        beside_RHND = [_per_head(each, heads) for each in (forward_RNC[part], backward_RNC[part].flip(1))]
        made_RHND = functional.scaled_dot_product_attention(
            _per_head(query_RNC[part], heads), _per_head(key_RNC[part], heads), torch.cat(beside_RHND, dim=-1)
        )
        forward_RHND, turned_RHND = made_RHND.chunk(2, dim=-1)
        own_RNC[part] = _joined(forward_RHND)
        other_RNC[part] = _joined(turned_RHND).flip(1)
    return out_BNC


def guidance_scales(frames: int, first: float, last: float) -> Tensor:
    """Guidance for each frame of a clip in its own time, from `first` to `last` in equal steps, shape (frames,)."""
    return torch.linspace(first, last, frames)


def fused(forward_NCHW: Tensor, backward_NCHW: Tensor, fusion: Fusion) -> Tensor:
    """The predictions of both directions as one.

    Predictions of the noise, of the velocity and of the clean latents can be fused alike: at one noise level each is
    the others times a number, plus a part of what is denoised.

    Args:
        forward_NCHW: frames first.
        backward_NCHW: in its own time.
        fusion: "average" is half of each; "linear by frame" goes from the forward prediction alone at the first frame
            to the backward one alone at the last.

    Returns:
        In the time of the clip.
    """
    turned_NCHW = backward_NCHW.flip(0)
    if fusion == "average":
        return 0.5 * forward_NCHW + 0.5 * turned_NCHW
    share_N111 = torch.linspace(1, 0, len(forward_NCHW)).to(forward_NCHW).view(-1, 1, 1, 1)
    return share_N111 * forward_NCHW + (1 - share_N111) * turned_NCHW


def _parts(rows: int) -> list[slice]:
    return [slice(start, start + ROWS_PER_CALL) for start in range(0, rows, ROWS_PER_CALL)]


def _per_head(x_RNC: Tensor, heads: int) -> Tensor:
    return x_RNC.unflatten(-1, (heads, -1)).transpose(1, 2)


def _joined(x_RHND: Tensor) -> Tensor:
    return x_RHND.transpose(1, 2).flatten(-2)
