"""Images as tensors: checks, fitting, resizing, colour, likeness."""
