"""VMs on OpenNebula as the ability Lifecycle has them: instantiated from a template, found by their names.

Rights: USE of the template, its images and networks. A host of one's choice needs more:
docs/vmprobe-opennebula.md.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from stratoscope.clouds.abilities import Step
from stratoscope.clouds.lifecycle import Object, Owned, Phase, Resolved, RunReason, Seen, StepError, Underway
from stratoscope.clouds.opennebula import states
from stratoscope.clouds.opennebula.client.items import Element, fields, number
from stratoscope.clouds.opennebula.client.oned import Oned
from stratoscope.clouds.opennebula.client.pools import NOT_DONE, Pools
from stratoscope.clouds.opennebula.lifecycle.calls import seen, still_held, terminate
from stratoscope.clouds.opennebula.lifecycle.description import Description
from stratoscope.clouds.opennebula.lifecycle.errors import (
    build_fault,
    deploy_reason,
    instantiate_reason,
    scheduler_fault,
    translated,
)
from stratoscope.clouds.opennebula.lifecycle.names import name_of
from stratoscope.clouds.opennebula.lifecycle.quota import check_quota
from stratoscope.clouds.opennebula.lifecycle.resolve import Plan, host_id_of, hosts_of, is_usable, resolve
from stratoscope.clouds.opennebula.lifecycle.steps import Switching
from stratoscope.clouds.opennebula.lifecycle.vm import HOLD, RUNNING, VM, Look, object_of
from stratoscope.clouds.opennebula.lifecycle.zone import Requested, WritableZone
from stratoscope.clouds.steps.last_look import is_last_look
from stratoscope.clouds.steps.reachable import Reaching

_MINE: Final = -3
"""The filter of a pool: the user's own."""
_NO_DATASTORE: Final = -1
"""oned takes the default system datastore of the host's cluster."""
_NOT_RUNNING: Final = frozenset({"STOPPED", "SUSPENDED", "POWEROFF", "UNDEPLOYED"})


class OpenNebulaVMs:
    """Implements Lifecycle."""

    def __init__(self, zone: WritableZone, oned: Oned, described: Description) -> None:
        """Args: oned: Of the description's credential."""
        self.vm_kind: str = VM
        self.credential = described.credential
        self.steps: Sequence[Step] = [*_steps(oned, described)]
        self._zone, self._oned, self._described = zone, oned, described
        self._pools, self._memory = Pools(oned), zone.memory(described.credential)

    def at(self, host: str) -> "OpenNebulaVMs":  # noqa: ARG002 - nothing depends on it before the request
        return self

    async def authenticate(self) -> None:
        """Each call has the password; this one asks for nothing but the user."""
        await self._user_id()

    async def resolve(self) -> Resolved:
        with translated():
            return await resolve(self._pools, self._described, await self._user_id())

    async def check_quota(self, resolved: Resolved) -> None:
        with translated():
            await check_quota(self._pools, resolved.plan)

    async def request(self, run: Underway, host: str = "") -> str:
        """As Lifecycle has it. For a host the VM is requested on hold; the first look deploys it there."""
        plan: Plan = run.resolved.plan
        with translated():
            host_id = await host_id_of(self._pools, host) if host else plan.host_id
        clock = self._oned.budget.clock
        sent, template_id, name = clock.now(), int(plan.template.id), name_of(run.mark)
        with translated(instantiate_reason):
            answer = await self._oned.act(
                "template.instantiate", template_id, name, host_id is not None, "", False
            )
        if not answer.isdecimal():
            what = f"oned: template.instantiate: the answer is no id: {answer[:80]!r}"
            raise StepError(RunReason.API_ERROR, what, is_unknown=True)
        self._memory.requested[answer] = Requested(sent, clock.now(), host_id, host_id is not None)
        return answer

    async def see(self, vm_id: str) -> Seen | None:
        """As Lifecycle has it.

        oned gives a VM its addresses when it accepts it, and its drivers set up the network before the VM
        boots; no call tells when. So it is networked once it runs.
        """
        with translated():
            one = await seen(self._pools, vm_id)
        if one is None or one.is_done:
            return None
        self._read_clock(one)
        fault = await self._deploy(one) or _fault(one, is_asked_to_deploy=self._is_deployed(vm_id))
        is_built = one.state == RUNNING
        is_without_address = self._described.reachable is not None and one.nics and not one.addresses
        return Seen(
            one.state,
            one.host,
            is_networked=is_built and not is_without_address,
            is_built=is_built,
            fault=fault,
            addresses=one.addresses,
        )

    async def delete(self, one: Object) -> None:
        """As Lifecycle has it. What oned frees itself nobody else can."""
        if one.kind != VM:
            what = (
                f"{one.kind} {one.id}: oned has not freed it though the VM is done; `onedb fsck` mends that"
            )
            raise StepError(RunReason.CLEANUP, what)
        if (requested := self._memory.requested.get(one.id)) is not None:
            requested.host_id = None  # what is to be deleted is not deployed any more
        with translated():
            await terminate(self._oned, self._pools, one.id, self._memory)

    async def left(self, vm_id: str, objects: Sequence[Object] = ()) -> Sequence[Object]:  # noqa: ARG002 - no step creates one
        """As Lifecycle has it: the VM, or what oned still has as its own though it is done."""
        with translated():
            one = await seen(self._pools, vm_id) if vm_id else None
            if one is not None and not one.is_done:
                return [one.object]
            held = [] if one is None else await still_held(self._pools, one)
        if not held:
            self._memory.forget(vm_id)
        return held

    async def owned(self, tag: str, kinds: Collection[str] = ()) -> Owned:  # noqa: ARG002 - no step creates one
        """The user's VMs that are not done and carry the tag."""
        with translated():
            found, _ = await self._pools.whole("vmpool.info", "VM", _named, _MINE, -1, -1, NOT_DONE)
        return Owned([one for one in found if one.mark is not None and one.mark.tag == tag])

    async def hosts(self) -> Sequence[str]:
        """The hosts that are MONITORED, as far as the user sees them. Whether it may deploy there shows a
        run."""
        with translated():
            return sorted(one.name for one in await hosts_of(self._pools) if is_usable(one))

    @property
    def clock_skew_s(self) -> float | None:
        """To half a second: oned's by the second in which it created the last VM."""
        return self._zone.skew_s

    async def _user_id(self) -> str:
        with translated():
            return (await self._pools.one("user.info", -1)).findtext("ID", "")

    def _is_deployed(self, vm_id: str) -> bool:
        """Whether the VM was requested for a host; not known of one that another process requested."""
        requested = self._memory.requested.get(vm_id)
        return requested is None or requested.is_for_host

    async def _deploy(self, one: Look) -> StepError | None:
        """Deploy a VM on the host that it was requested for, once. Returns why that failed.

        With its capacity checked, as the scheduler does.
        """
        requested = self._memory.requested.get(one.vm_id)
        if requested is None or requested.host_id is None or one.state != HOLD:
            return None
        host_id, requested.host_id = requested.host_id, None
        try:
            with translated(deploy_reason):
                await self._oned.act("vm.deploy", int(one.vm_id), host_id, True, _NO_DATASTORE, "")
        except StepError as error:
            return None if error.is_unknown else error  # what became of it shows the next look
        return None

    def _read_clock(self, one: Look) -> None:
        requested = self._memory.requested.get(one.vm_id)
        if requested is not None and not requested.is_clock_read:
            requested.is_clock_read = True
            self._zone.note_created(one.created, requested)


def _steps(oned: Oned, described: Description) -> Iterator[Step]:
    """In the order of Phase."""
    if described.reachable is not None:
        yield Reaching(described.reachable)
    if described.stop_start:
        yield Switching(oned, Phase.STOPPED)
        yield Switching(oned, Phase.STARTED)


def _fault(one: Look, *, is_asked_to_deploy: bool) -> StepError | None:
    """Why a VM will never run; None unless that is so. One that waits for a host may yet get one, until its
    time is over."""
    if (reason := states.fault(one.state)) is not None:
        return build_fault(one.state, reason, one.error)
    if one.state in _NOT_RUNNING:
        return StepError(RunReason.HYPERVISOR, f"the VM has ended: it is in {one.state}")
    if one.state == HOLD and not is_asked_to_deploy:
        what = "the VM is on HOLD, by its template or oned's VM_SUBMIT_ON_HOLD: nobody starts it"
        return StepError(RunReason.PROBE_MISCONFIGURED, what)
    if one.state == states.PENDING and one.sched_message and is_last_look():
        return scheduler_fault(one.sched_message)
    return None


def _named(element: Element) -> Object:
    """A VM of the pool. Raises ValueError, KeyError if it makes no sense."""
    found = fields(element)
    return object_of(number(found["ID"]), found["NAME"])
