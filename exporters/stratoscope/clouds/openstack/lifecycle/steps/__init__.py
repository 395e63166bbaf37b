"""The optional steps of a run that OpenStack has, and the objects that they create."""
