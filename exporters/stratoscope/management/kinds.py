"""The cloud kinds that have a management layer: how an entry of `clouds:` is read, and what it opens."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stratoscope.clouds.abilities import Management
from stratoscope.clouds.config import entries
from stratoscope.clouds.openstack.client.clouds_yaml import found
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.clouds.openstack.config import OpenStackCloud


@dataclass(frozen=True, slots=True)
class Kind:
    """One cloud kind.

    Attributes:
        entry: The type of its entries in `clouds:`; they have `name` and `kind`.
        found: An entry with what it refers to: files, variables. Raises ConfigError.
        opened: The cloud of such an entry; nothing is asked before a question is.
        from_environment: The entry that the environment describes; None where it describes none.
    """

    entry: type[Any]
    found: Callable[[Any], Any]
    opened: Callable[[Any], Management]
    from_environment: Callable[[], Any]


def _openstack_from_environment() -> OpenStackCloud | None:
    name = os.environ.get("OS_CLOUD", "")
    if not name and not os.environ.get("OS_AUTH_URL"):
        return None
    return OpenStackCloud(name=name or "openstack", os_cloud=name)


KINDS: Final[Mapping[str, Kind]] = {
    "openstack": Kind(OpenStackCloud, found, OpenStack, _openstack_from_environment),
}
"""By the `kind` of an entry."""


def configured(document: Mapping[str, Any]) -> Sequence[Any]:
    """The entries of these kinds; without `clouds:` those that the environment describes.

    Raises:
        ConfigError: As entries() and the kind's `found` do.
    """
    if document.get("clouds") is None:
        described = (kind.from_environment() for kind in KINDS.values())
        chosen = [entry for entry in described if entry is not None]
    else:
        chosen = [one for name, kind in KINDS.items() for one in entries(document, name, kind.entry)]
    return [KINDS[entry.kind].found(entry) for entry in chosen]


def opened(entry: Any) -> Management:
    """The cloud of an entry."""
    return KINDS[entry.kind].opened(entry)
