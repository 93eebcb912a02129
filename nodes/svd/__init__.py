"""Nodes for ComfyUI's SVD."""
