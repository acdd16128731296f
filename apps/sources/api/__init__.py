"""The API of connections, datasets, columns, drift and profiles."""
