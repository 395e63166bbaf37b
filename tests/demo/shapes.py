"""Whether two answers have the same shape: keys and types; the values are each cloud's own.

The embedded cloud may lack what no exporter reads; it has nothing that the other one has not.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import get_args

import msgspec

from stratoscope.clouds import openstack

OPEN = frozenset(
    {
        "addresses", "allocations", "capabilities", "configurations", "extra_specs", "flavor", "hosts",
        "image", "inventories", "mappings", "metadata", "properties", "provider_summaries", "quota_set",
        "resources", "scheduler_hints", "topology", "usages", "unknown", "volume_image_metadata", "cpu_info",
        "binding:profile", "binding:vif_details", "binding_profile", "binding_vif_details",
    }
)  # fmt: skip
"""Under these stand mappings whose keys are data: their values are compared, their keys are not."""

SORTS = ("status", "router:external")
"""The values of these decide which other keys an item has: a fault, for example."""

_NOTHING = (None, "", [])


def _read() -> Mapping[str, frozenset[str]]:
    """The fields that exporters read of an OpenStack's answers, by the key of a list; "" for all of them."""
    for module in pkgutil.walk_packages(openstack.__path__, f"{openstack.__name__}."):
        importlib.import_module(module.name)
    found: dict[str, set[str]] = {"": set()}
    kinds = [msgspec.Struct]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        if not kind.__module__.startswith(openstack.__name__):
            continue
        found[""] |= {*kind.__struct_encode_fields__}
        if kind.__name__.startswith("Whole_"):  # of client/listing.py
            (item,) = get_args(kind.__annotations__["items"])
            found.setdefault(kind.__name__.removeprefix("Whole_"), set()).update(
                item.__struct_encode_fields__
            )
    return {key: frozenset(fields) for key, fields in found.items()}


READ = _read()
OF_OTHERS = frozenset(
    {"code", "description", "links", "root_provider_uuid", "tags", "title", "type", "updated", "version"}
)
"""Fields that are read of some answers, and there stand in READ by the key of a list."""
OF_PARTS = {
    "instanceActions": frozenset({"action"}),
    "catalog": frozenset({"type", "name", "endpoints"}),
    "endpoints": frozenset({"interface", "url", "region_id", "region"}),
    "attachments": frozenset({"server_id", "host_name", "device"}),
    "os-extended-volumes:volumes_attached": frozenset({"id"}),
}
"""As READ, of what is in no list of a Listing."""


def read_at(at: str) -> frozenset[str]:
    """The fields that are read of a mapping at this place."""
    key = at.rpartition(".")[2].removesuffix("[]")
    of_key = OF_PARTS.get(key) or READ.get(key) or READ.get(f"{key}s")
    return of_key if key and of_key else READ[""] - OF_OTHERS


def differences(theirs: object, ours: object, at: str = "") -> Iterator[str]:
    """What is different in our answer, one line each.

    Where either side is empty (null, an empty list or text) the types are not compared.
    """
    if isinstance(theirs, dict) and isinstance(ours, dict):
        yield from _of_mappings(theirs, ours, at)
    elif isinstance(theirs, list) and isinstance(ours, list):
        yield from _of_lists(theirs, ours, at)
    elif theirs not in _NOTHING and ours not in _NOTHING and _kind(theirs) != _kind(ours):
        yield f"{at}: {_kind(ours)}, theirs is {_kind(theirs)}"


def _of_mappings(theirs: Mapping[str, object], ours: Mapping[str, object], at: str) -> Iterator[str]:
    if at.rpartition(".")[2] in OPEN:
        if theirs and ours and not set(theirs) & set(ours):
            yield from differences(next(iter(theirs.values())), next(iter(ours.values())), f"{at}.*")
    elif theirs.keys() != ours.keys():
        missing, more = (
            sorted((theirs.keys() - ours.keys()) & read_at(at)),
            sorted(ours.keys() - theirs.keys()),
        )
        if missing or more:
            yield f"{at}: lacks {missing}, has besides {more}"
    for key in theirs.keys() & ours.keys():
        yield from differences(theirs[key], ours[key], f"{at}.{key}")


def _of_lists(theirs: list[object], ours: list[object], at: str) -> Iterator[str]:
    """Each of their items must find one of ours that is alike, among those of its sort."""
    for one in theirs:
        found = [list(differences(one, other, f"{at}[]")) for other in ours if _is_of_a_sort(one, other)]
        if found and all(found):
            yield from min(found, key=len)


def _is_of_a_sort(theirs: object, ours: object) -> bool:
    """Whether two items may be expected to have the same keys; texts of theirs are cut."""
    if not isinstance(theirs, dict) or not isinstance(ours, dict):
        return True
    return all(
        str(ours.get(key)).startswith(str(theirs[key])) for key in SORTS if theirs.get(key) is not None
    )


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    names = {int: "integer", float: "number", str: "text", list: "list", dict: "mapping"}
    return names[type(value)]
