"""An OpenStack in one process: Keystone, Nova, Placement, Neutron, Cinder, Glance of release 2025.1."""
