"""Nodes that show: pictures and reports."""
