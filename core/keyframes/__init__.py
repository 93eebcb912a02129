"""Keyframes: the set of them, and the text that says where they stand."""
