"""The world at its first moment: of any size, the same one for the same seed."""

from stratoscope.demo.world.seed.build import Size, build

__all__ = ["Size", "build"]
