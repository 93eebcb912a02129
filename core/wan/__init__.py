"""Wan's latent layout, and the Mixture of LoRA."""
