"""Template tags: the pieces that every page is put together from."""
