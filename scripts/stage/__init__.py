"""What scripts/demo shows, and how it starts it."""
