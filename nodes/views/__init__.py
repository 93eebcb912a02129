"""Nodes that show a clip as pictures and reports."""
