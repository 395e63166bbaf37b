"""VMs of probes on libvirt."""
