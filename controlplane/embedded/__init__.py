"""What lets Lockgate run on a machine that has only Python: data directory, PostgreSQL, broker, supervisor."""
