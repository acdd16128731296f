"""One problem with one subject, however often it fires."""
