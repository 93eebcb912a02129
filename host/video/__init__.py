"""Interpolating videos in the host: where they come from and go to, memory, progress, and going on after a stop."""
