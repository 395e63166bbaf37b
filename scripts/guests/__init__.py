"""Real libvirt with QEMU guests for `make integration` and `make bench`."""
