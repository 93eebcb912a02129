"""Networks that make a frame between two."""
