"""Checks on rows before treatment, on the whole staged set, and on the staged data before it is published."""
