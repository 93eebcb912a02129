"""SVD's layer names, and files with reverse motion."""
