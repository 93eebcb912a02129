"""Sound on the frames' time axis."""
