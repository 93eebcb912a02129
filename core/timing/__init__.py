"""Frame counts and rates, moments, easing, and the latent grids of video models."""
