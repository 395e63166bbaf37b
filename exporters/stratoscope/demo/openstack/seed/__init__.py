"""The world as it is when it begins: of any size, the same one again for the same seed."""

from stratoscope.demo.openstack.seed.build import Size, build

__all__ = ["Size", "build"]
