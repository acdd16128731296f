"""Stories that walk through the product as people do."""
