"""Nodes of the engines between two frames."""
