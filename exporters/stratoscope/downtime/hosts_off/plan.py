"""What is filed, extended and ended so that the downtimes of one cloud fit its disabled hosts: pure.

A host that is disabled and down is switched off on purpose: an outage that silences. One that is disabled and
still runs VMs, since it is up or they were left there, is at risk, and silences nothing. Each such downtime
ends at most REARM_S after the cloud last said so, and is extended while it does, up to a cap; so what is
forgotten becomes an alarm.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from stratoscope.downtime.draft import Checked
from stratoscope.downtime.hosts_off.described import host_downtime
from stratoscope.downtime.hosts_off.disabled import DisabledHost
from stratoscope.downtime.model import REARM_S, Downtime, Rearm, State

_EXTENDED_AT_S: Final = REARM_S // 2
"""So long before its end a downtime is extended."""


class Filed(NamedTuple):
    """A downtime to file. Attributes: external_id: Unique within the cloud."""

    external_id: str
    checked: Checked


class Plan(NamedTuple):
    """What is to be done.

    Attributes:
        file: New downtimes.
        extend: Those whose end is moved on.
        end: Ids of those that end now.
        over_cap: Hosts that are still off after the cap: their alarms are no longer silenced.
    """

    file: Sequence[Filed]
    extend: Sequence[Rearm]
    end: Sequence[str]
    over_cap: Sequence[str]


def plan(  # noqa: PLR0913 - all that it depends on
    cloud: str,
    hosts: Iterable[DisabledHost],
    filed: Iterable[Downtime],
    now: int,
    *,
    cap_s: int,
    by_hand: Collection[str] = (),
) -> Plan:
    """What is to be done.

    Args:
        hosts: All hosts of the cloud that are disabled on purpose now.
        filed: The downtimes of this cloud's hosts: the newest of each external id, whatever its state.
        now: Unix seconds.
        cap_s: For so long a host may be off.
        by_hand: The ids of those downtimes that a person has ended.
    """
    newest = {one.external_id: one for one in filed}
    wanted = {_external_id(one): one for one in hosts}
    file, extend, over_cap = [], [], []
    for external_id, host in wanted.items():
        checked = host_downtime(cloud, host.host, host.reason, now, is_at_risk=host.is_in_use, cap_s=cap_s)
        new = Filed(external_id, checked)
        last = newest.get(external_id)
        if last is not None and last.state(now) is State.ACTIVE:
            end = min(now + REARM_S, last.start + cap_s)
            if end > last.end and last.end - now <= _EXTENDED_AT_S:
                extend.append(Rearm(last.id, last.end, end))
            continue
        is_closed = last is not None and (last.cancelled_at is not None or last.id in by_hand)
        if last is None or not _is_off_since(last, host):
            file.append(new)
        elif is_closed:
            file += [new] if _says_else(last, new.checked) else []
        elif last.end < last.start + cap_s:
            file.append(new)
        elif not host.is_in_use:
            over_cap.append(host.host)
    end_now = [one.id for key, one in newest.items() if key not in wanted and one.state(now) is State.ACTIVE]
    return Plan(file, extend, end_now, over_cap)


def _is_off_since(last: Downtime, host: DisabledHost) -> bool:
    """Whether the host has not reported since the downtime that is over; one that has is off anew."""
    return host.is_in_use or host.heartbeat is None or host.heartbeat <= (last.cancelled_at or last.end)


def _says_else(last: Downtime, new: Checked) -> bool:
    """Whether the administrator gives another reason than for the downtime that a person ended."""
    return (last.title, last.text) != (new.title, new.text)


def _external_id(host: DisabledHost) -> str:
    """Unique within the cloud. A host that goes from at risk to off has one downtime after the other."""
    return f"{'at risk' if host.is_in_use else 'off'}: {host.host}"
