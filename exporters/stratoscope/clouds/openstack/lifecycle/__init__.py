"""VMs that a probe creates on OpenStack: one credential, one description of a VM."""
