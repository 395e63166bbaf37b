"""An OpenNebula as oned answers for it over XML-RPC, with the VMs of demo/world."""
