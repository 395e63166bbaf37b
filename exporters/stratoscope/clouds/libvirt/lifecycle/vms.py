"""VMs on libvirt as the ability Lifecycle has them: transient domains, which are gone once they end."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Final
from uuid import uuid4

from stratoscope.clouds.abilities import Step
from stratoscope.clouds.libvirt import vocabulary
from stratoscope.clouds.libvirt.lifecycle import calls
from stratoscope.clouds.libvirt.lifecycle.console import Console
from stratoscope.clouds.libvirt.lifecycle.description import Description
from stratoscope.clouds.libvirt.lifecycle.domain import BOOT_SECTOR, DOMAIN, disk_of
from stratoscope.clouds.libvirt.lifecycle.errors import refused_reason
from stratoscope.clouds.libvirt.lifecycle.hosts import WritableCloud, WritableHost, each
from stratoscope.clouds.libvirt.lifecycle.steps import Writing, console_log
from stratoscope.clouds.lifecycle import Object, Owned, Resolved, RunReason, Seen, StepError, Underway
from stratoscope.clouds.steps.host_keys import LONGEST_LOG
from stratoscope.clouds.steps.reachable import Reaching

_MIB: Final = 1 << 20
_BOOTS_SECTOR: Final = frozenset({"i686", "x86_64"})
_WORKING: Final = frozenset({"running", "blocked", "nostate"})
"""States of a domain that runs: on some hypervisors it is blocked, or of no state, while it has no work."""
_FAULTS: Final = {"ioerror": RunReason.VOLUME, "crashed": RunReason.HYPERVISOR}
"""Reasons for which a domain is paused that will not go away."""
_ENDED: Final = frozenset({"shutoff", "crashed"})


class LibvirtVMs:
    """Implements Lifecycle."""

    def __init__(self, cloud: WritableCloud, described: Description, own: WritableHost | None = None) -> None:
        """Args: own: Where the next VM is created; by default where the description says."""
        self.vm_kind: str = DOMAIN
        self.credential = described.credential
        self.steps: Sequence[Step] = [*_steps(cloud, described)]
        self._cloud, self._described = cloud, described
        self._hosts = [one for one in cloud.hosts if described.uri in ("", one.uri)]
        self._own = own or self._hosts[0]

    def at(self, host: str) -> "LibvirtVMs":
        own = next(one for one in self._hosts if one.host == host)
        return LibvirtVMs(self._cloud, self._described, own)

    async def authenticate(self) -> None:
        """Open a new connection that may write; an older one does not show whether the log-in works now."""
        await self._own.ask_anew(calls.version)

    async def resolve(self) -> Resolved:
        described = self._described
        found = await self._own.ask(calls.guests_of)
        if disk_of(described) == BOOT_SECTOR:
            if found.arch not in _BOOTS_SECTOR:
                raise _misconfigured(f"kernel: missing; no boot sector boots on {found.arch}")
            if not self._own.is_here:
                what = "disk: missing; the boot sector of this package is not on the other machine"
                raise _misconfigured(f"{what}, {self._own.uri}")
        if self._own.is_here:
            paths = {**described.files, "disk": disk_of(described)}
            await self._own.ask(lambda _: _check_readable(paths))
        if described.network:
            await self._check_network(described.network)
        return Resolved(described.disk or described.kernel, None)

    async def check_quota(self, resolved: Resolved) -> None:  # noqa: ARG002 - the description says it all
        """Check that the host has enough memory; libvirt has no quotas. Raises StepError `no_valid_host`."""
        usable = await self._own.ask(calls.usable_memory)
        wanted = self._described.memory
        if usable is not None and usable < wanted * _MIB:
            what = f"{self._own.host} has {usable // _MIB} MiB of memory left; the VM needs {wanted} MiB"
            raise StepError(RunReason.NO_VALID_HOST, what)

    async def request(self, run: Underway, host: str = "") -> str:  # noqa: ARG002 - `at` has chosen it
        """As Lifecycle has it. A domain whose console is wanted runs once that is read."""
        own = self._own
        creation = calls.Creation(self._described, run.mark, uuid4())
        self._cloud.host_of[creation.uuid] = own
        try:
            refused = await own.ask_anew(creation.send)
            if refused is None and creation.is_paused:
                kept = LONGEST_LOG if self._described.keeps_log else 0
                await own.resume(Console(creation.uuid, self._described.console, own.uri, kept=kept))
        except StepError as error:
            own.end(creation.uuid)
            raise StepError(error.reason, str(error), is_unknown=creation.is_sent) from error
        if refused is not None:
            del self._cloud.host_of[creation.uuid]
            raise StepError(refused_reason(refused), f"{own.uri}: {refused}")
        return creation.uuid

    async def see(self, vm_id: str) -> Seen | None:
        """As Lifecycle has it.

        The taps of a domain exist before it runs: it is networked then, or, if it is to be reachable, once
        its host knows its address.
        """
        own = await self._host_of(vm_id)
        seen = None if own is None else await own.ask(partial(calls.look, uuid=vm_id))
        if own is None or seen is None:
            return None
        state = vocabulary.state(seen.state)
        is_built = state in _WORKING
        addresses: Sequence[str] = ()
        if is_built and self._described.reachable is not None:
            addresses = await own.ask(partial(calls.addresses, uuid=vm_id))
        is_networked = is_built and (bool(addresses) or self._described.reachable is None)
        return Seen(
            state,
            own.host,
            is_networked=is_networked or not self._described.network,
            is_built=is_built,
            fault=_fault(state, vocabulary.reason(state, seen.reason)),
            addresses=addresses,
        )

    async def delete(self, one: Object) -> None:
        own = await self._host_of(one.id)
        if own is not None:
            own.end(one.id)
            await own.ask(partial(calls.destroy, uuid=one.id))

    async def left(self, vm_id: str, objects: Sequence[Object] = ()) -> Sequence[Object]:  # noqa: ARG002 - no step creates one
        """As Lifecycle has it. What belongs to a transient domain is gone with it."""
        own = await self._host_of(vm_id) if vm_id else None
        found = None if own is None else await own.ask(partial(calls.found, uuid=vm_id))
        if found is None:
            self._cloud.host_of.pop(vm_id, None)
            return ()
        return (found,)

    async def owned(self, tag: str, kinds: Collection[str] = ()) -> Owned:  # noqa: ARG002 - no step creates one
        """The domains of all URIs that carry the tag; each URI has to answer."""
        owned: list[Object] = []
        for own, objects in zip(self._hosts, await each(self._hosts, calls.marked), strict=True):
            ours = [one for one in objects if one.mark is not None and one.mark.tag == tag]
            self._cloud.host_of.update({one.id: own for one in ours})
            owned += ours
        return Owned(owned)

    async def hosts(self) -> Sequence[str]:
        """The hosts of the URIs. One that does not answer is among them: its run fails and says why."""
        return [*dict.fromkeys(one.host for one in self._hosts)]

    @property
    def clock_skew_s(self) -> float | None:
        """libvirt does not tell a host's clock."""
        return None

    async def _host_of(self, vm_id: str) -> WritableHost | None:
        """Where a VM is; None if it is at none. Raises StepError if one does not answer that may have it."""
        if (known := self._cloud.host_of.get(vm_id)) is not None:
            return known
        looks = await each(self._hosts, partial(calls.look, uuid=vm_id))
        return next((own for own, seen in zip(self._hosts, looks, strict=True) if seen), None)

    async def _check_network(self, wanted: str) -> None:
        known = await self._own.ask(calls.networks)
        if wanted not in known:
            nearest = get_close_matches(wanted, known) or sorted(known)[:3]
            names = ", ".join(nearest) or "none at all"
            raise _misconfigured(f"network: {self._own.host} has no {wanted!r}; the nearest it has: {names}")
        if not known[wanted]:
            raise StepError(RunReason.NETWORK, f"network {wanted!r} of {self._own.host} is not active")


def _steps(cloud: WritableCloud, described: Description) -> Iterator[Step]:
    """In the order of Phase."""
    if described.reachable is not None:
        yield Reaching(described.reachable, console_log=partial(console_log, cloud))
    if described.console:
        yield Writing(cloud)


def _misconfigured(text: str) -> StepError:
    return StepError(RunReason.PROBE_MISCONFIGURED, text)


def _check_readable(paths: Mapping[str, str]) -> None:
    """Raise StepError for a file that is not there, or that the probe's own user may not read; blocks."""
    for key, path in paths.items():
        try:
            if path:
                with Path(path).open("rb") as file:
                    file.read(1)
        except OSError as error:
            raise _misconfigured(f"{key}: {path}: {os.strerror(error.errno or 0)}") from error


def _fault(state: str, reason: str) -> StepError | None:
    """Why a domain will never run; None unless that is so."""
    if state in _ENDED:
        return StepError(RunReason.HYPERVISOR, f"the domain is {state}: {reason}")
    if state == "paused" and reason in _FAULTS:
        return StepError(_FAULTS[reason], f"the domain is paused: {reason}")
    return None
