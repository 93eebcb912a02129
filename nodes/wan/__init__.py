"""Nodes for Wan models in ComfyUI."""
