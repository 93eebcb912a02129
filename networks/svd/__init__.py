"""SVD's layer names, and files of what fine-tuning changed in it."""
