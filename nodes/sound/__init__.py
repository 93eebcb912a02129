"""Nodes that let a model hear."""
