"""Reading and writing video files with PyAV, frame by frame. Works without ComfyUI."""
