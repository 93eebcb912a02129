"""The host's SVD: keyframe conditioning, both directions at once, decoding."""
