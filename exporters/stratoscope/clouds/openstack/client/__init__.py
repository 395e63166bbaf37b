"""Requests to one region: clouds.yaml, the log-in, the catalogue, versions, lists and their decoding."""
