"""Services that are not read in depth: whether they work, and how many objects they have by state."""
