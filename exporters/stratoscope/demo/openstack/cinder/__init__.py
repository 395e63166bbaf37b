"""Cinder: version 3 of its API, microversions to 3.71."""
