"""The resource handle: whether a VM, a volume or an address is still there, from the last list of them."""
