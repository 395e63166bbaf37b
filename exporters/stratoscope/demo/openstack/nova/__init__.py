"""Nova: version 2.1 of its API, microversions to 2.100."""
