"""Networks that render a frame between two others."""
