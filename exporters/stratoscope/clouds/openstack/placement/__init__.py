"""Placement: inventories of hosts, free capacity, and how many more VMs fit."""
