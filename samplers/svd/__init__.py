"""Sampling for Generative Inbetweening: both directions of a clip together, and repeated steps."""
