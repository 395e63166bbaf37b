"""The world of an embedded OpenStack at its first moment: the same one for the same seed."""

from stratoscope.demo.openstack.http_errors import ERRORS
from stratoscope.demo.world import seed as of_world
from stratoscope.demo.world.seed import Size
from stratoscope.demo.world.world import World

__all__ = ["Size", "build"]


def build(size: Size, *, seed: int, now: float) -> World:
    """A world whose boots fail with Nova's messages."""
    return of_world.build(size, ERRORS, seed=seed, now=now)
