"""Audio adapters on the host's Wan."""
