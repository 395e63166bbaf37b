"""Usual values of labels: a matcher that all values of one kind meet chooses nothing."""

import secrets
from collections.abc import Sequence
from typing import Final

_STRANGE: Final = 4
"""How many values that nobody uses there are."""
_SHORT: Final = ("n1", "compute02", "gpu7", "web13", "storage4")
_DASHED: Final = ("node-1", "compute-02", "gpu-7", "web-b-13")
_FULL: Final = ("n1.example.org", "compute-02.uni-a.de", "gpu7.cloud.local", "web13.dc2.example.com")
_ADDRESSES: Final = ("10.0.0.1", "192.168.17.203", "172.16.4.55")
_WORDS: Final = ("nova", "prometheus", "node", "libvirt")
_PHRASES: Final = ("node-exporter", "nova-compute", "neutron-server", "cinder-volume")
_CAPITALISED: Final = ("InstanceDown", "HostOutOfMemory", "DiskFull", "NovaComputeDown", "CephHealthWarning")
_NUMBERS: Final = ("1", "27", "4031")
_UUIDS: Final = (
    "0b1c7d2e-93a4-4c55-8e6f-7a8b9c0d1e2f", "f47ac10b-58cc-4372-a567-0e02b2c3d479",
    "7d444840-9dc0-11d1-b245-5ffdce74fad2",
)  # fmt: skip
_HEX: Final = ("0123456789abcdef0123456789abcdef", "fe4a90c2d17b4c5e8a3f6d2b1c0e9f87")
_HOSTS: Final = (_SHORT, _DASHED, _FULL, _ADDRESSES)
_IDS: Final = (_UUIDS, _HEX, _NUMBERS)

_KINDS: Final = {
    "alertname": (_CAPITALISED,),
    "severity": (("critical", "warning"), ("page", "ticket")),
    "instance": (
        *_HOSTS,
        ("10.0.0.1:9100", "192.168.17.203:9177", "172.16.4.55:10974"),
        ("n1:9100", "compute-02.uni-a.de:9177", "gpu7.cloud.local:10974"),
    ),
    "host": _HOSTS,
    "job": (_WORDS, _PHRASES),
    "service": (_WORDS, _PHRASES),
    "cloud": (("uni", "lab", "production"), ("region-1", "cloud-2"), ("RegionOne", "RegionTwo")),
    "zone": (("az1", "zone2", "rack3"), ("eu-west-1a", "dc-2b"), ("nova", "internal")),
    "project_id": _IDS,
    "vm_id": _IDS,
}
_ALL: Final = tuple({values for kinds in _KINDS.values() for values in kinds})


def usual(name: str) -> Sequence[Sequence[str]]:
    """Kinds of values that a label may have at some site, and one of values that nobody uses.

    A label that is not known may have each kind.
    """
    strange = [secrets.token_hex(8) for _ in range(_STRANGE)]
    return [strange, *_KINDS.get(name, _ALL)]
