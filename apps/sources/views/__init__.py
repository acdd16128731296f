"""Pages of connections, datasets, columns, drift and profiles."""
