"""The code of `dev.py`. It uses the standard library only, and the host never loads it."""
