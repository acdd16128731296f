"""The demo organisation: generated, plainly fake, and governed like any other."""
