"""How a test ended, as its fixtures can read it while they are taken down."""

import pytest

FAILED = pytest.StashKey[bool]()  # of the item
