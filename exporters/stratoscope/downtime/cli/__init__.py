"""`stratoscope downtime add|list|show|...`: clients of the exporter's API over HTTP."""
