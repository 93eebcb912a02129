"""Cross-attention of a Wan block in two steps: first to text, then to images and sound.

Wan adds the results of all attentions before one output projection. The projection is linear and all attentions share
one query, so their order does not matter. An adapter can declare that it was trained sequentially. Then the second step
computes a new query, with the same layers, from the hidden state after the first step.
"""

from collections.abc import Iterator
from typing import Any

from comfy.ldm.modules.attention import optimized_attention
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


def _residual_key(name: str) -> str:
    """The key in `transformer_options` for the hidden state of a block before its cross-attention."""
    return f"{name}_residual"


class SequentialAttention:
    """Replaces `forward` of a block's cross-attention, as an object patch of the host."""

    def __init__(self, name: str, number: int, block: Any) -> None:
        self._name, self._number, self._block = name, number, block

    def __call__(
        self, x: Tensor, context: Tensor, context_img_len: int, transformer_options: dict[str, Any] | None = None
    ) -> Tensor:
        """The output of the cross-attention; x has the normalised tokens, shape (B, tokens, channels)."""
        attention, options = self._block.cross_attn, transformer_options or {}
        evaluation = options.get(self._name)
        if evaluation is None:
            return type(attention).forward(attention, x, context, context_img_len, transformer_options=options)

        def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            return optimized_attention(query, key, value, heads=attention.num_heads, transformer_options=options)

        images, text = context[:, :context_img_len], context[:, context_img_len:]
        text_result = attend(attention.norm_q(attention.q(x)), attention.norm_k(attention.k(text)), attention.v(text))
        after_text = attention.o(text_result)
        hidden = options[_residual_key(self._name)] + after_text
        query = attention.norm_q(attention.q(self._block.norm3(hidden)))
        image_result = attend(query, attention.norm_k_img(attention.k_img(images)), attention.v_img(images))
        return after_text + attention.o(evaluation.add(image_result, query, self._number))


class SequenceHooks:
    """Pass the hidden state of a block before its cross-attention on to `SequentialAttention`.

    It is the input of the norm before the cross-attention. It travels in `transformer_options`, because `forward` and
    the hooks may belong to different clones of a model.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._options: dict[str, Any] | None = None

    def add_to(self, block: Any) -> Iterator[RemovableHandle]:
        """Add the hooks to a block; yields their handles."""
        yield block.register_forward_pre_hook(self._begin, with_kwargs=True)
        yield block.norm3.register_forward_pre_hook(self._keep_hidden)
        yield block.register_forward_hook(self._end, always_call=True)

    def _begin(self, _: nn.Module, __: Any, kwargs: dict[str, Any]) -> None:
        options = kwargs["transformer_options"]
        self._options = options if options.get(self._name) is not None else None

    def _keep_hidden(self, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if self._options is not None:  # keep the first input: the norm runs again after the text
            self._options.setdefault(_residual_key(self._name), inputs[0])

    def _end(self, *_: Any) -> None:
        if self._options is not None:
            self._options.pop(_residual_key(self._name), None)
        self._options = None
