"""Keystone: projects, users and groups, their number and names."""
