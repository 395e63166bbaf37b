"""libvirt as a cloud kind: read-only connections to one host's daemon, whatever hypervisor it drives."""
