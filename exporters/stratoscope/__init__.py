"""Prometheus exporters that watch virtualised infrastructure from outside the VM."""
