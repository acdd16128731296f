"""Masking policies and their immutable versions."""
