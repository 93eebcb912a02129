"""Nodes for whole clips."""
