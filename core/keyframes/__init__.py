"""Keyframe sets, and the text that gives their positions."""
