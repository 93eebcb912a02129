"""Work on whole clips: finishing, joining, filling gaps, and cutting into segments."""
