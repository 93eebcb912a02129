"""Nodes that take and give whole videos."""
