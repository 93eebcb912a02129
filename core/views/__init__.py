"""Pictures and reports for an artist to look at."""
