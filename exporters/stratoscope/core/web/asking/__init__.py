"""Who is asking: a small authenticator per file, and the chain that tries them one after the other."""
