"""Nodes that drive a clip with audio."""
