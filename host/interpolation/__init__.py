"""Engines between two frames: the registry, loading, and running one over a sequence."""
