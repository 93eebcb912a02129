"""Whole clips: finishing, joining, filling gaps, cutting into segments."""
