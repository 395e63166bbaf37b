"""Placement: what hosts have, what is free, and how many more VMs fit."""
