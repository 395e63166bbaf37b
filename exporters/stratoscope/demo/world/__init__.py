"""What an embedded cloud is: hosts, VMs that live and move, owners, networks, volumes, failures, time.

The faces show it as a kind of cloud does. Its states are named as Nova's, which are the finest of them.
"""
