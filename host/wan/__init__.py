"""The host's Wan: its kinds, keyframe conditioning, and the Mixture-of-LoRA."""
