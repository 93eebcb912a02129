"""What SVD is given for Generative Inbetweening."""
