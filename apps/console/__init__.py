"""The home page and the frame of every page: reads only."""
