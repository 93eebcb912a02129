"""Cross-attention of a Wan block in two steps: text first; image and sound look again after the text has been added.

In Wan both are added before one output projection, which is linear, so that it makes no difference in which order they
are added as long as all look with one query. For an audio adapter that declares that it was trained otherwise, the
second step looks with a query of its own: with the same layers, from what the block holds after the first.
"""

from typing import Any

from comfy.ldm.modules.attention import optimized_attention
from torch import Tensor


class SequentialAttention:
    """In the place of the `forward` of a block's cross-attention, as an object patch of the host's."""

    def __init__(self, name: str, number: int, block: Any) -> None:
        self._name, self._number, self._block = name, number, block
        self._tokens: Tensor | None = None

    def remember(self, _: Any, inputs: tuple[Tensor, ...]) -> None:
        """As a hook before the norm that stands before this attention: what the block holds then."""
        self._tokens = inputs[0]

    def __call__(
        self,
        x: Tensor,
        context: Tensor,
        context_img_len: int,
        transformer_options: dict[str, Any] | None = None,
    ) -> Tensor:
        """What the block adds to its tokens; x of shape (B, places, channels), the normed tokens."""
        attention, options = self._block.cross_attn, transformer_options or {}
        tokens, self._tokens = self._tokens, None
        call = options.get(self._name)
        if call is None:
            return type(attention).forward(attention, x, context, context_img_len, transformer_options=options)

        def look(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            return optimized_attention(query, key, value, heads=attention.num_heads, transformer_options=options)

        images, text = context[:, :context_img_len], context[:, context_img_len:]
        read = look(attention.norm_q(attention.q(x)), attention.norm_k(attention.k(text)), attention.v(text))
        after_text = attention.o(read)
        query = attention.norm_q(attention.q(self._block.norm3(tokens + after_text)))
        self._tokens = None
        seen = look(query, attention.norm_k_img(attention.k_img(images)), attention.v_img(images))
        return after_text + attention.o(call.add(seen, query, self._number))
