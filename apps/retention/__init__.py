"""Retention rules: what is deleted when, counted before it goes and receipted after."""
