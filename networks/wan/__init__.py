"""LoRA files for Wan, and their names."""
