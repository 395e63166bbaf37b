"""Keystone: log-ins, tokens, the catalogue, projects and users."""
