"""The way in: clouds.yaml, the log-in, the catalogue, and requests with a token."""
