"""Pictures and reports for artists to look at."""
