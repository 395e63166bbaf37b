"""What oned shows of the world's objects, as XML."""
