"""Starts, plans, carries out and concludes runs."""
