"""Network architectures and the reading of their published files, without ComfyUI."""
