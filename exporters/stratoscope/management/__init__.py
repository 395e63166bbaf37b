"""The management exporter: what a cloud's management layer tells."""
