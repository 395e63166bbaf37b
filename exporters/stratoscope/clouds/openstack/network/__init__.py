"""Neutron: its agents, objects and addresses."""
