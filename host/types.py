"""Types of the host that it has no names for."""

from typing import Any, TypeAlias

Conditioning: TypeAlias = list[list[Any]]  # of pairs: an embedding, and a dict of all else
