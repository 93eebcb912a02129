"""Nodes for ComfyUI's Wan."""
