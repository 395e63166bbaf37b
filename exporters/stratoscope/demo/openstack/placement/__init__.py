"""Placement: microversions 1.0 to 1.39 of its API."""
