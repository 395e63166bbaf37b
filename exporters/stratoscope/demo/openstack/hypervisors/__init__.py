"""What a hypervisor exporter reads of two hosts; the kernel's files move with the world."""
