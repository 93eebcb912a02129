"""The contract of an interpolator, the flow engine, and which frames are made from which."""
