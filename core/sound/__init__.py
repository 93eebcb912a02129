"""Sound on the time axis of the frames."""
