"""Proposes, reviews and applies every change to something governed."""
