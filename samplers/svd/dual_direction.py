"""
Generative Inbetweening: denoise a clip forward from its first frame and backward from its last frame at the same time.

The formulas are those of arXiv 2408.15239, as in its published code (jeanne-wang/svd_keyframe_interpolation at commit
61fd2bf). Tensors of the backward direction are in its own frame order: their frame 0 is the last frame of the clip.
"""

from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

Fusion = Literal["average", "linear by frame"]
FUSIONS: tuple[Fusion, ...] = get_args(Fusion)

MAPS_ARE_FASTER = ("cpu",)  # 1.5 to 5 times, because no fused CPU kernel takes values that are wider than queries
ROWS_PER_CALL = 2**15  # in one attention call; GPU kernels allow at most 65535 blocks


def rotated(map_RHNN: Tensor) -> Tensor:
    """Rotate an attention map between frames by 180 degrees, which gives the map of the reversed clip.

    Args:
        map_RHNN: weights after softmax, shape (..., frames, frames); rows are queries, columns are keys.

    Returns:
        The same shape. Rotating twice gives the original map.
    """
    return map_RHNN.flip(-2, -1)


def attention_map(query_RNC: Tensor, key_RNC: Tensor, heads: int) -> Tensor:
    """How much each frame attends to each other frame: softmax(Q K^T / sqrt(head size)), computed in float32.

    Args:
        query_RNC, key_RNC: shape (rows, frames, channels); a row is a place in the picture.
        heads: number of heads, whose channels are concatenated.

    Returns:
        Shape (rows, heads, frames, frames), in the type of the queries.
    """
    rows, frames, _ = query_RNC.shape
    map_RHNN = query_RNC.new_empty((rows, heads, frames, frames))
    for chunk in _row_chunks(rows):
        query_RHND, key_RHND = (_per_head(each[chunk], heads) for each in (query_RNC, key_RNC))
        scores_RHNN = query_RHND.float() @ key_RHND.float().transpose(-1, -2) * query_RHND.shape[-1] ** -0.5
        map_RHNN[chunk] = scores_RHNN.softmax(dim=-1)
    return map_RHNN


def attend(map_RHNN: Tensor, value_RNC: Tensor) -> Tensor:
    """Apply an attention map to values: shape (rows, frames, channels)."""
    return _heads_joined(map_RHNN @ _per_head(value_RNC, map_RHNN.shape[1]))


def paired_attention(query_RNC: Tensor, key_RNC: Tensor, values_BNC: Tensor, heads: int) -> Tensor:
    """Self-attention of both clips: the backward clip uses the attention map of the forward clip, rotated.

    Rotating the map is the same as reversing the values and the output, rot180(P) V = flip(P flip(V)). So the map is
    not needed, and one attention call processes the concatenated values of both clips. On the CPU, where it is faster,
    the map is computed all the same.

    Args:
        query_RNC, key_RNC: of the forward clip, shape (rows, frames, channels).
        values_BNC: of the forward and then the backward clip, each in its own time; shape (2 rows, frames, channels).
        heads: number of heads, whose channels are concatenated.

    Returns:
        The output for the forward and then the backward clip, shape (2 rows, frames, channels).
    """
    out_BNC = torch.empty_like(values_BNC)
    (forward_RNC, backward_RNC), (forward_out_RNC, backward_out_RNC) = values_BNC.chunk(2), out_BNC.chunk(2)
    for chunk in _row_chunks(len(query_RNC)):
        if query_RNC.device.type in MAPS_ARE_FASTER:
            map_RHNN = attention_map(query_RNC[chunk], key_RNC[chunk], heads)
            forward_out_RNC[chunk] = attend(map_RHNN, forward_RNC[chunk])
            backward_out_RNC[chunk] = attend(rotated(map_RHNN), backward_RNC[chunk])
            continue
        values_RHND = [_per_head(each, heads) for each in (forward_RNC[chunk], backward_RNC[chunk].flip(1))]
        both_RHND = functional.scaled_dot_product_attention(
            _per_head(query_RNC[chunk], heads), _per_head(key_RNC[chunk], heads), torch.cat(values_RHND, dim=-1)
        )
        forward_RHND, reversed_RHND = both_RHND.chunk(2, dim=-1)
        forward_out_RNC[chunk] = _heads_joined(forward_RHND)
        backward_out_RNC[chunk] = _heads_joined(reversed_RHND).flip(1)
    return out_BNC


def guidance_scales(frames: int, first: float, last: float) -> Tensor:
    """Guidance for each frame of a clip in its own time, from `first` to `last` in equal steps; shape (frames,)."""
    return torch.linspace(first, last, frames)


def fused(forward_NCHW: Tensor, backward_NCHW: Tensor, fusion: Fusion) -> Tensor:
    """Fuse the predictions of both directions into one.

    This works for predictions of the noise, the velocity or the clean latents, because at a given noise level each is
    a multiple of the others plus a multiple of the noisy latents.

    Args:
        forward_NCHW: the forward prediction, frames first.
        backward_NCHW: the backward prediction, in its own time.
        fusion: "average" mixes both equally; "linear by frame" goes from the forward prediction alone at the first
            frame to the backward prediction alone at the last.

    Returns:
        The fused prediction, in the time of the clip.
    """
    reversed_NCHW = backward_NCHW.flip(0)
    if fusion == "average":
        return 0.5 * forward_NCHW + 0.5 * reversed_NCHW
    share_N111 = torch.linspace(1, 0, len(forward_NCHW)).to(forward_NCHW).view(-1, 1, 1, 1)
    return share_N111 * forward_NCHW + (1 - share_N111) * reversed_NCHW


def _row_chunks(rows: int) -> list[slice]:
    return [slice(start, start + ROWS_PER_CALL) for start in range(0, rows, ROWS_PER_CALL)]


def _per_head(x_RNC: Tensor, heads: int) -> Tensor:
    return x_RNC.unflatten(-1, (heads, -1)).transpose(1, 2)


def _heads_joined(x_RHND: Tensor) -> Tensor:
    return x_RHND.transpose(1, 2).flatten(-2)
