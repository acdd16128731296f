"""Keys and ciphers of the data plane: wrapping, sealing, signing, a column's MAC, and quarantined rows."""
