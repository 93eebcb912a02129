"""Both directions of a clip at once, and repeated steps."""
