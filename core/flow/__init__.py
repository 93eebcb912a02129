"""Optical flow: estimate it, warp and splat along it, and measure clips with it."""
