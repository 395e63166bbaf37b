"""`stratoscope downtime add|list|show|extend|end|cancel`: clients of the exporter's API over HTTP."""
