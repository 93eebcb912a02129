"""Interpolation engines: the registry, loading, and running one over a sequence."""
