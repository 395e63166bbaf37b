"""Bare machines for `make newcomer`: chroots with nothing but what a minimal installation has."""
