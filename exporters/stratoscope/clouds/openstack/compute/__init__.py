"""Nova, and what its flavors find in Placement."""
