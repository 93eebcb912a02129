"""The published procedure of Generative Inbetweening on the host's networks: two networks and stored maps.

As in jeanne-wang/svd_keyframe_interpolation at commit 61fd2bf. The forward network runs with both halves of the
guidance and stores the maps of all temporal self-attentions. Then the backward network, a second one with changed
weights, computes its own maps, discards them and uses the stored ones, rotated. The maps of the backward network are
stored as well, and the maps of an evaluation are freed only when those of the next one are complete.
"""

from typing import Any

import torch
from comfyui_inbetween.core.svd.reverse_motion import ReverseMotion
from comfyui_inbetween.networks.svd.names import TEMPORAL_LAYERS
from torch import Tensor

Condition = dict[str, Any]


class PublishedProcedure:
    """Two of the host's models, the second one with changed weights, and the stored maps of both."""

    def __init__(self, forward: Any, backward: Any, motion: ReverseMotion) -> None:
        self._models = {"forward": forward, "backward": backward}
        self._complete: dict[str, dict[str, Tensor]] = {"forward": {}, "backward": {}}
        self._filling: dict[str, dict[str, Tensor]] = {"forward": {}, "backward": {}}
        for layer, change in motion.changes.items():
            changed = backward.diffusion_model.get_submodule(layer)
            changed.to_v.weight.data += change.to_v.to(changed.to_v.weight)
            changed.to_out[0].weight.data += change.to_out.to(changed.to_out[0].weight)
        for name, model in self._models.items():
            for layer in TEMPORAL_LAYERS:
                attention = model.diffusion_model.get_submodule(layer)
                attention.forward = _Stored(self, name, layer, attention).run

    def denoised(self, x: Tensor, sigma: float, start: Condition, end: Condition, scale: float) -> Tensor:
        """One evaluation: clean latents of shape (frames, 4, height, width)."""
        forward = self._direction("forward", x, sigma, start, scale)
        backward = self._direction("backward", x.flip(0), sigma, end, scale)
        return 0.5 * forward + 0.5 * backward.flip(0)

    def _direction(self, name: str, x: Tensor, sigma: float, condition: Condition, scale: float) -> Tensor:
        frames = len(x)
        embedding, latent = condition["embedding"], condition["latent"].expand(frames, -1, -1, -1)
        made = self._models[name].apply_model(
            torch.cat([x, x]),
            torch.full([2 * frames], sigma),
            c_concat=torch.cat([torch.zeros_like(latent), latent]),
            c_crossattn=torch.cat([torch.zeros_like(embedding), embedding]).repeat_interleave(frames, 0),
            y=condition["label"].expand(2 * frames, -1),
            num_video_frames=frames,
        )
        self._complete[name], self._filling[name] = self._filling[name], {}
        without, with_picture = made.chunk(2)
        return without + scale * (with_picture - without)

    def keep(self, name: str, layer: str, map_RHNN: Tensor) -> None:
        """Store a map of the current evaluation."""
        self._filling[name][layer] = map_RHNN

    def forward_map(self, layer: str) -> Tensor:
        """The stored map of the forward network."""
        return self._complete["forward"][layer]


class _Stored:
    """A temporal self-attention that computes its map, stores it, and replaces it for the backward network."""

    def __init__(self, procedure: PublishedProcedure, name: str, layer: str, attention: Any) -> None:
        self._procedure, self._name, self._layer, self._attention = procedure, name, layer, attention

    def run(self, x: Tensor, **_: Any) -> Tensor:
        """Replaces the layer's `forward`."""
        heads, rows = self._attention.heads, len(x)
        query, key, value = (
            project(x).unflatten(-1, (heads, -1)).transpose(1, 2).flatten(0, 1)
            for project in (self._attention.to_q, self._attention.to_k, self._attention.to_v)
        )
        map_BNN = torch.baddbmm(
            torch.empty(1, 1, 1, dtype=query.dtype), query, key.transpose(-1, -2), beta=0, alpha=query.shape[-1] ** -0.5
        ).softmax(dim=-1)
        if self._name == "backward":
            kept_BNN = self._procedure.forward_map(self._layer).flatten(0, 1)
            map_BNN = 0.0 * map_BNN + 1.0 * torch.flip(kept_BNN, dims=(-2, -1))
        self._procedure.keep(self._name, self._layer, map_BNN.unflatten(0, (rows, heads)))
        out = torch.bmm(map_BNN, value).unflatten(0, (rows, heads)).transpose(1, 2).flatten(-2)
        return self._attention.to_out(out)
