"""VMs of probes on OpenNebula."""
