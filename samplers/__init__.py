"""Sampling procedures as plain functions of a model. Works without ComfyUI."""
