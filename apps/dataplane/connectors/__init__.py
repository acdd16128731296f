"""Connectors: how Lockgate reaches the systems that data comes from and goes to; one package for each kind."""
