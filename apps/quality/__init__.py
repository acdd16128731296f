"""Results of checks, run after run."""
