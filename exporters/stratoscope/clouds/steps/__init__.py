"""Optional steps of a run that are the same for all kinds."""
