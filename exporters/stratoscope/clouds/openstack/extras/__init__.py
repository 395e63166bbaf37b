"""Services that are not asked in depth: whether they work, and how many objects they have by state."""
