"""Keystone: projects, users and groups, counted and named."""
