"""Who asks: one authenticator per file, and the chain that tries them in order."""
