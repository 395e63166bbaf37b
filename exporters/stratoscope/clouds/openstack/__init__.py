"""OpenStack: Keystone, Nova, Placement, Neutron, Cinder, Glance and the services beside them."""
