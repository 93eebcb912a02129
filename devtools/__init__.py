"""What `dev.py` is made of; standard library only, never loaded by the host."""
