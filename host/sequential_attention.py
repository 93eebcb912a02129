"""Cross-attention of a Wan block in two steps: text first; image and sound look again after the text has been added.

In Wan both are added before one output projection, which is linear, so that it makes no difference in which order they
are added as long as all look with one query. For an audio adapter that declares that it was trained otherwise, the
second step looks with a query of its own: with the same layers, from what the block holds after the first.
"""

from collections.abc import Iterator
from typing import Any

from comfy.ldm.modules.attention import optimized_attention
from torch import Tensor


class SequentialAttention:
    """In the place of the `forward` of a block's cross-attention, as an object patch of the host's."""

    def __init__(self, name: str, number: int, attention: Any) -> None:
        self._name, self._number, self._attention = name, number, attention

    def __call__(
        self, x: Tensor, context: Tensor, context_img_len: int, transformer_options: dict[str, Any] | None = None
    ) -> Tensor:
        """What the block adds to its tokens; x of shape (B, places, channels), the normed tokens."""
        attention, options = self._attention, transformer_options or {}
        call = options.get(self._name)
        if call is None:
            return type(attention).forward(attention, x, context, context_img_len, transformer_options=options)

        def look(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            return optimized_attention(query, key, value, heads=attention.num_heads, transformer_options=options)

        images, text = context[:, :context_img_len], context[:, context_img_len:]
        read = look(attention.norm_q(attention.q(x)), attention.norm_k(attention.k(text)), attention.v(text))
        after_text = attention.o(read)
        query = attention.norm_q(attention.q(call.normed_with(after_text)))
        seen = look(query, attention.norm_k_img(attention.k_img(images)), attention.v_img(images))
        return after_text + attention.o(call.add(seen, query, self._number))


class SequenceHooks:
    """Tell the call what a block holds before its cross-attention, and the norm that stands there."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._call: Any = None

    def put_on(self, block: Any) -> Iterator[Any]:
        """Put the hooks on a block; yields their handles."""
        yield block.register_forward_pre_hook(self._begin, with_kwargs=True)
        yield block.norm3.register_forward_pre_hook(self._remember)
        yield block.register_forward_hook(self._end, always_call=True)

    def _begin(self, _: Any, __: Any, kwargs: dict[str, Any]) -> None:
        self._call = kwargs["transformer_options"].get(self._name)

    def _remember(self, norm: Any, inputs: tuple[Tensor, ...]) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.normed_with = lambda added: norm(inputs[0] + added)

    def _end(self, *_: Any) -> None:
        self._call = None
