"""What openstack-up and openstack-down do: a small but real OpenStack in a folder of this machine."""
