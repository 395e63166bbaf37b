"""Reads the host's kernel about the host and its VMs: /proc, /sys, cgroups and rtnetlink.

All readers are synchronous, know no libvirt and no metrics, and run in a thread. Conventions: a value that
the machine does not have is None, never 0; for the host a missing group is a LeftOut with the reason (absent,
or no right); a malformed file is a ValueError that names the file.
"""
