"""Every metric that the package declares."""

import importlib
import pkgutil
from collections.abc import Iterator

import stratoscope
from stratoscope.core.metrics import Family


def _declared() -> Iterator[Family]:
    """Every Family that is a constant of the package, alone, in a tuple, or as the families of a class."""
    for module in pkgutil.walk_packages(stratoscope.__path__, "stratoscope."):
        if module.name.endswith("__main__") or module.name.startswith("stratoscope.demo"):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            several = getattr(value, "families", value) if isinstance(value, type) else value
            for one in several if isinstance(several, tuple) else (value,):
                if isinstance(one, Family):
                    yield one


FAMILIES = list({id(family): family for family in _declared()}.values())
