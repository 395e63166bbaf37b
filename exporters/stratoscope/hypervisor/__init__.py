"""Per host: what libvirt, cgroups, /proc and /sys say of its VMs. Never looks inside a VM."""
