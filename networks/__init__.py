"""Network architectures and readers for their published files, without ComfyUI."""
