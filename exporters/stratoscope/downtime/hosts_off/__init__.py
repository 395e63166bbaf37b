"""Hosts that an administrator disabled: switched off on purpose, or in use and at risk."""
