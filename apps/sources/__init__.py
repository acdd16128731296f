"""Connections, their datasets and columns, and what each column is classified as."""
