"""How one talks to each cloud kind: one folder a kind, the only place where its SDK is imported."""
