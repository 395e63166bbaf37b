"""What a hypervisor exporter reads of two hosts: the kernel's files, and libvirt's definitions.

The files move with the world: counters grow as the VMs of these hosts work and wait.
"""
