"""Nodes that count frames."""
