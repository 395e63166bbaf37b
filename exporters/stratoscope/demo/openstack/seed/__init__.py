"""The world at its first moment: of any size, the same one for the same seed."""

from stratoscope.demo.openstack.seed.build import Size, build

__all__ = ["Size", "build"]
