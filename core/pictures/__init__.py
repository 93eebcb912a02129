"""Images as tensors: checks, fitting, resizing, colour, and similarity."""
