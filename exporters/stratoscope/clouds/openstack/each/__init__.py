"""Objects one by one, a file for each service; off by default."""
