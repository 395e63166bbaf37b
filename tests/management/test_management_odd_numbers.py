"""Every number that the embedded cloud answers with, spoilt: what is not understood is left out, never 0."""

import logging
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
import pytest

from stratoscope.clouds.client.limiter import Budget, Limits
from stratoscope.clouds.openstack.client.services import Client
from stratoscope.clouds.openstack.config import OpenStackCloud
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import Reason
from support.demo_cloud import demo_cloud
from support.patience import FAR_S
from support.replayed import Replayed, Seen

Where: TypeAlias = tuple[str | int, ...]

SPOILT: Final = ("null", "-1", '"x"', "{}")
"""In one place each, the first two in all places."""
_ID: Final = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}[0-9a-f-]{20,}")
_NEEDS: Final[Mapping[str, frozenset[str]]] = {
    "inventories": frozenset({"servers", "capacity"}),
    "capacity": frozenset({"servers", "inventories"}),
    "hypervisors": frozenset({"servers"}),
    "allocations": frozenset({"servers"}),
}
"""What must run beside a collector: whom it learns from, and who learns from it."""
_MAY_BE_NEGATIVE: Final = frozenset({"disk_available_least"})
_MAY_BE_ANYTHING: Final = frozenset({"hypervisor_version", "provider:segmentation_id"})
"""Labels: shown in whatever words."""
_UNLIMITED: Final = "limit"
"""Less than 0 of it is no bound, everywhere."""
_BECOME_0: Final = tuple(
    f"stratoscope_management_{one}{{" for one in ("vms", "condition_vms", "vms_complete")
)
"""A server that makes no sense costs itself: its state stays on the page, and the list lacks one."""


@pytest.mark.parametrize("os_cloud", ["admin", "user1"])
async def test_number_that_makes_no_sense_is_no_zero_and_is_counted(
    tmp_path: Path, os_cloud: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)  # thousands of collections, of which many fail
    token = DEADLINE.set(time.monotonic() + FAR_S)
    try:
        async with demo_cloud(vms=20, hosts=3, projects=3) as cloud:
            file = str(cloud.clouds_yaml(tmp_path))
            budget = Limits(requests_per_second=1000)
            entry = OpenStackCloud("demo", os_cloud=os_cloud, clouds_file=file, budget=budget)
            client = Client(entry, Budget(budget))
            try:
                tried, faults = await _all_spoilt(Replayed(client))
            finally:
                await client.close()
    finally:
        DEADLINE.reset(token)
    assert faults == []
    assert tried > {"admin": 700, "user1": 200}[os_cloud]


async def _all_spoilt(cloud: Replayed) -> tuple[int, list[str]]:
    """How many numbers were spoilt, and what was wrong with the pages."""
    whole = await cloud.seen()
    assert not [name for name, seen in whole.items() if seen.status.malformed or seen.status.reason]
    tried, faults, known = 0, [], set[tuple[str, Where]]()
    for call, body in [*cloud.bodies.items()]:
        users = frozenset(name for name, seen in whole.items() if call in seen.asked)
        for field, places in _numbers(body).items():
            kind = _ID.sub("", call.path), field
            if kind in known:
                continue
            known.add(kind)
            for value, some in {*((one, 1) for one in SPOILT), *((one, len(places)) for one in SPOILT[:2])}:
                cloud.changed = {call: _spoilt(body, places[:some], msgspec.json.decode(value))}
                now = await cloud.seen(users.union(*(_NEEDS.get(one, ()) for one in users)))
                tried += 1
                told = f"{call.path} {'/'.join(map(str, field))} x{some} {value}"
                faults += [f"{told}: {what}" for what in _faults(field, value, whole, now)]
            cloud.changed = {}
    return tried, faults


def _faults(field: Where, value: str, whole: Mapping[str, Seen], now: Mapping[str, Seen]) -> Iterator[str]:
    is_counted = any(seen.status.malformed for seen in now.values())
    has_failed = any(seen.status.reason for seen in now.values())
    for name, seen in now.items():
        if seen.status.reason is Reason.INTERNAL:
            yield f"{name}: {seen.status.message}"
        if not seen.status.success:
            continue
        before = whole[name].series
        changed = {
            one: (before.get(one), seen.series.get(one))
            for one in before.keys() | seen.series.keys()
            if before.get(one) != seen.series.get(one) and "timestamp_seconds" not in one
        }
        if value != "null" and changed and not (is_counted or has_failed or _is_understood(field, value)):
            yield f"{name}: nothing is said of {changed}"
        for one, (was, is_now) in changed.items():
            if is_now == 0 and was and not (one.startswith(_BECOME_0) and is_counted):
                yield f"{name}: {one}: {was} became 0"
            if is_now is not None and is_now < 0 and not _is_understood(field, value):
                yield f"{name}: {one}: {was} became {is_now}"


def _is_understood(field: Where, value: str) -> bool:
    """Whether this value has a meaning there."""
    last = str(field[-1])
    if last in _MAY_BE_ANYTHING:
        return value != "null"
    if value != "-1":
        return False
    return last in _MAY_BE_NEGATIVE or last == _UNLIMITED or last.startswith("max") or field[0] == "quota"


def _numbers(body: bytes) -> Mapping[Where, Sequence[Where]]:
    """Where there are numbers, by the place without ids and without the number of the item."""
    found: dict[Where, list[Where]] = {}
    for place in _places(msgspec.json.decode(body), ()):
        field = tuple("*" if isinstance(key, int) or _ID.search(key) else key for key in place)
        found.setdefault(field, []).append(place)
    return found


def _places(told: Any, place: Where) -> Iterator[Where]:
    if isinstance(told, int | float) and not isinstance(told, bool):
        yield place
    elif isinstance(told, dict | list):
        for key, value in told.items() if isinstance(told, dict) else enumerate(told):
            yield from _places(value, (*place, key))


def _spoilt(body: bytes, places: Sequence[Where], value: object) -> bytes:
    told = msgspec.json.decode(body)
    for *way, last in places:
        inner = told
        for key in way:
            inner = inner[key]
        inner[last] = value
    return msgspec.json.encode(told)
