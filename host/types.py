"""Names for types that the host uses but does not name."""

from typing import Any, TypeAlias

Conditioning: TypeAlias = list[list[Any]]  # pairs of an embedding and a dict of everything else
