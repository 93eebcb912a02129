"""Graphs that nodes put in their own place: the host's nodes and ours, by class and by the names of their sockets."""
