"""Optical flow: estimating it, warping and splatting along it, and what it says of a clip."""
