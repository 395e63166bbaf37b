"""Services of which only the agents and the number of objects by state are read."""
