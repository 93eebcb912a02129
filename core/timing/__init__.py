"""Frame counts and rates, moments, easing, and how video models pack frames."""
