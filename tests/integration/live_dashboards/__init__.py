"""Dashboards before a real Prometheus: a package, so that its rounds share what conftest.py starts."""
