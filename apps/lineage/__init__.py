"""Which destination column came from which source column, through which treatment."""
