"""What the host's kernel says of the host and its VMs: /proc, /sys, cgroups and rtnetlink.

All readers are synchronous, know no libvirt and no metrics, and run in a thread. One convention holds for
all: a value that the machine does not give is None, never 0; of the host, a whole group that it does not give
is a LeftOut that says why (absent, or no right); a file that makes no sense is a ValueError that names the
file.
"""
