"""Fields that all decoders share."""

import pkgutil
from importlib import import_module
from typing import Any, get_args

import msgspec
import pytest

from stratoscope.clouds import openstack
from stratoscope.clouds.openstack.client.fields import Id

IDS = ("id", "uuid")
_OF_LOG_IN = {f"{openstack.__name__}.client.{name}" for name in ("api", "catalogue", "versions")}


def structs() -> list[type[msgspec.Struct]]:
    """Every class that an item of OpenStack's lists is decoded into: what a log-in answers is none."""
    for module in pkgutil.walk_packages(openstack.__path__, f"{openstack.__name__}."):
        import_module(module.name)
    found: list[type[msgspec.Struct]] = []
    below: list[type[Any]] = [msgspec.Struct]
    while below:
        below = [sub for one in below for sub in one.__subclasses__()]
        found += [one for one in below if one.__module__.startswith(f"{openstack.__name__}.")]
    return [one for one in found if one.__module__ not in _OF_LOG_IN]


def unbounded(kind: Any) -> bool:
    """Whether a field of this type takes a text of any length."""
    args = get_args(kind)
    if any(isinstance(one, msgspec.Meta) and (one.max_length or one.pattern) for one in args):
        return False
    return kind is str or any(unbounded(one) for one in args)


@pytest.mark.parametrize("struct", structs(), ids=lambda struct: f"{struct.__module__}.{struct.__name__}")
def test_what_tells_things_apart_is_bounded_as_cut_it_would_be_anothers(struct: type[msgspec.Struct]) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(struct)}
    ids = {name for name in fields if name in IDS or name.endswith("_id")}
    assert {name for name in ids if unbounded(fields[name])} == set()


@pytest.mark.parametrize("text", ["", "a" * 256, "\u00fc" * 256, "\U0001f600" * 256, "two\nlines\u00fc"])
def test_id_that_fits_a_label_whole_is_one(text: str) -> None:
    assert msgspec.convert(text, Id) == text
    assert len(text.encode()) <= 1024


@pytest.mark.parametrize("text", ["a" * 257, "\u00fc" * 257, "\U0001f600" * 257])
def test_id_that_a_label_would_cut_is_none(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, Id)
