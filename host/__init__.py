"""The only code that touches ComfyUI's own modules."""
