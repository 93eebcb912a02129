"""Running an interpolator: over a sequence, by halving, or over single frames to rebuild."""
