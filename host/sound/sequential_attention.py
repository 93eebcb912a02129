"""Cross-attention of a Wan block in two steps: text first; image and sound look again after the text has been added.

In Wan both are added before one output projection, which is linear, so that it makes no difference in which order they
are added as long as all look with one query. For an audio adapter that declares that it was trained otherwise, the
second step looks with a query of its own: with the same layers, from what the block holds after the first.
"""

from collections.abc import Iterator
from typing import Any

from comfy.ldm.modules.attention import optimized_attention
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


def _residual_key(name: str) -> str:
    """Where `transformer_options` carry what a block holds before its cross-attention."""
    return f"{name}_residual"


class SequentialAttention:
    """In the place of the `forward` of a block's cross-attention, as an object patch of the host's."""

    def __init__(self, name: str, number: int, block: Any) -> None:
        self._name, self._number, self._block = name, number, block

    def __call__(
        self, x: Tensor, context: Tensor, context_img_len: int, transformer_options: dict[str, Any] | None = None
    ) -> Tensor:
        """What the block adds to its tokens; x of shape (B, places, channels), the normed tokens."""
        attention, options = self._block.cross_attn, transformer_options or {}
        evaluation = options.get(self._name)
        if evaluation is None:
            return type(attention).forward(attention, x, context, context_img_len, transformer_options=options)

        def look(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            return optimized_attention(query, key, value, heads=attention.num_heads, transformer_options=options)

        images, text = context[:, :context_img_len], context[:, context_img_len:]
        read = look(attention.norm_q(attention.q(x)), attention.norm_k(attention.k(text)), attention.v(text))
        after_text = attention.o(read)
        held = options[_residual_key(self._name)] + after_text
        query = attention.norm_q(attention.q(self._block.norm3(held)))
        seen = look(query, attention.norm_k_img(attention.k_img(images)), attention.v_img(images))
        return after_text + attention.o(evaluation.add(seen, query, self._number))


class SequenceHooks:
    """Let `SequentialAttention` know what its block holds before the cross-attention: what goes into the norm there.

    It travels in `transformer_options`, since forward and hooks may be of different clones of a model.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._options: dict[str, Any] | None = None

    def put_on(self, block: Any) -> Iterator[RemovableHandle]:
        """Put the hooks on a block; yields their handles."""
        yield block.register_forward_pre_hook(self._begin, with_kwargs=True)
        yield block.norm3.register_forward_pre_hook(self._remember)
        yield block.register_forward_hook(self._end, always_call=True)

    def _begin(self, _: nn.Module, __: Any, kwargs: dict[str, Any]) -> None:
        options = kwargs["transformer_options"]
        self._options = options if options.get(self._name) is not None else None

    def _remember(self, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if self._options is not None:  # the first time: the norm runs once more, after the text
            self._options.setdefault(_residual_key(self._name), inputs[0])

    def _end(self, *_: Any) -> None:
        if self._options is not None:
            self._options.pop(_residual_key(self._name), None)
        self._options = None
