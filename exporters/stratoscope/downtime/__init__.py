"""The downtime exporter: what is down on purpose, and Alertmanager silences in step with it."""
