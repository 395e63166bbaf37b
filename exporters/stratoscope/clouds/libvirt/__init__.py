"""The cloud kind libvirt: read-only connections to one host's daemon, for any hypervisor."""
