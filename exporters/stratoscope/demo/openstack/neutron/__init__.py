"""Neutron: version 2.0 of its API, with ML2/Open vSwitch and routers."""
