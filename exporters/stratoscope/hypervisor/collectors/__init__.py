"""The collectors: one source call each."""
