"""The keyring: wrapped keys by class, domain and version, and who may open them."""
