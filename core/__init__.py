"""Plain maths and values. Works without ComfyUI."""
