"""Video files: colour coding, frame rates and times, and the plan of a result that is made frame by frame."""
