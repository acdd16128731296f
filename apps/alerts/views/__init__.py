"""Pages of the bell and the outbox, of channels, routes and deliveries."""
