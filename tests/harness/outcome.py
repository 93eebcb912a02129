"""How a test ended, for its fixtures to read during teardown."""

import pytest

FAILED = pytest.StashKey[bool]()  # of the item
