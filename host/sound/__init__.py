"""Audio adapters for the host's Wan models."""
