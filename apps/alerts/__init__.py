"""Messages about what happened: notices in the bell, deliveries by mail."""
