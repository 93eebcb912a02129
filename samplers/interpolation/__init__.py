"""An interpolator over a sequence, in halves, or over frames to be refined."""
