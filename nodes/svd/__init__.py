"""Nodes for SVD models in ComfyUI."""
