"""Lockgate watches itself: what is not well becomes an incident of the organisation, until it is well again."""
