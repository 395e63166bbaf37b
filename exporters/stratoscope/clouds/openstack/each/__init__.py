"""Objects one by one, a file for each service: what is asked only where that is switched on."""
