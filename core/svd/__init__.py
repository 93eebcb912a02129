"""What Generative Inbetweening changes in SVD."""
