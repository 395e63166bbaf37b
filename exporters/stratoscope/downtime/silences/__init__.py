"""Alertmanager's silences, in step with the downtimes."""
