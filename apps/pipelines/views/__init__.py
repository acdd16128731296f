"""Pages of pipelines, of their suites, and of what checks found."""
