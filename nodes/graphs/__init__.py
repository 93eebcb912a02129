"""Graphs that replace a node when it runs. They are built from the host's nodes and ours, by class and socket name."""
