"""A cloud in memory for probes: VMs with ports and marks, faults on demand, time by the test's clock."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import msgspec

from stratoscope.clouds.abilities import Step
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.client.limiter import Budget, Limits
from stratoscope.clouds.lifecycle import (
    Mark,
    Object,
    Owned,
    Phase,
    Resolved,
    RunReason,
    Seen,
    StepError,
    StepLeftOutError,
    Underway,
)

SERVER, PORT, VOLUME = "server", "port", "volume"


@dataclass(kw_only=True)
class Thing:
    """An object in the cloud.

    Attributes:
        raw: Its metadata; a mark is in there, complete or not.
        device_id: Of a port: its server's id.
        host: Of a server.
        began: When it was accepted, on the cloud's monotonic clock.
        ends: When a deletion in progress is done.
    """

    kind: str
    id: str
    name: str = ""
    raw: Mapping[str, str] = field(default_factory=dict)
    device_id: str = ""
    host: str = ""
    began: float = 0.0
    ends: float | None = None

    @property
    def mark(self) -> Mark | None:
        """What its metadata says; None if that is no mark."""
        try:
            return Mark(self.raw["tag"], self.raw["probe"], self.raw["run"], float(self.raw["deadline"]))
        except (KeyError, ValueError):
            return None

    @property
    def object(self) -> Object:
        return Object(self.kind, self.id, self.name, self.mark)


@dataclass
class Fault:
    """What a step does instead, so many times.

    Attributes:
        is_carried_out: The step is carried out, and then fails: its outcome is unknown to the client.
    """

    error: StepError | StepLeftOutError
    times: int
    is_carried_out: bool


class ProbeCloud:
    """One project of a cloud.

    Attributes:
        things: All that exists, by kind and id. A deletion in progress ends by the clock.
        requests: The steps that were sent, in order: `authenticate`, `request`, ...
        deleted: The objects whose deletion was requested.
        most_vms: The most VMs that existed at once.
        takes_s: How long each step takes.
        scheduled_s, networked_s, built_s, deleted_s: When a VM gets so far, after it was accepted or its
            deletion was requested; infinity: never.
        build_fault: Why VMs end in error, when they would have been built.
        room: So many VMs fit into the quota.
        undeletable: Ids of objects whose deletion is accepted, and never done.
        ports_outlive: Ports are not deleted with their server.
        host_names: On which VMs can be requested one by one.
        skew_s: The cloud's clock is so far ahead of the client's; None: unknown.
        steps: The optional ones of its lifecycles.
        step_s: How long after its beginning a step has ended.
        wanted: The kinds for which the last list was asked beyond those of steps.
        down: The kinds that cannot be listed.
        listed: Called each time when objects have been listed, before the list is used.
        image_id: What the image's name stands for.
    """

    def __init__(self, clock: Clock = CLOCK, file: Path | None = None) -> None:
        """Args: file: The cloud is in this file: so it survives the process that uses it."""
        self.clock, self._file = clock, file
        self.things: dict[tuple[str, str], Thing] = {}
        self.requests: list[str] = []
        self.deleted: list[Object] = []
        self.most_vms = 0
        self.takes_s = 0.0
        self.scheduled_s, self.networked_s, self.built_s, self.deleted_s = 1.0, 2.0, 3.0, 1.0
        self.build_fault: StepError | None = None
        self.room = 100
        self.undeletable: set[str] = set()
        self.ports_outlive = False
        self.host_names: Sequence[str] = ("host-1", "host-2", "host-3")
        self.skew_s: float | None = 0.0
        self.image_id = "image-1"
        self.steps: Sequence[Step] = ()
        self.step_s = 1.0
        self.wanted: set[str] = set()
        self.listed: Callable[[], None] | None = None
        self.down: set[str] = set()
        self._numbers = count(1)
        self._faults: dict[str, list[Fault]] = {}
        self._hung: dict[str, asyncio.Event] = {}
        self._read()

    def lifecycle(self, credential: str = "") -> "ProbeLifecycle":
        """A credential of this project."""
        return ProbeLifecycle(self, credential)

    def fails(
        self,
        step: str,
        error: StepError | StepLeftOutError | RunReason,
        *,
        times: int = 1,
        is_carried_out: bool = False,
    ) -> None:
        """Let a step fail, so many times: the method's name, or `delete <id>` for one object."""
        if isinstance(error, RunReason):
            error = StepError(error, f"{step}: it fails", is_unknown=is_carried_out)
        self._faults.setdefault(step, []).append(Fault(error, times, is_carried_out))

    def repaired(self) -> None:
        """Nothing fails any more."""
        self._faults.clear()
        self.undeletable.clear()

    @contextmanager
    def hangs(self, step: str) -> Iterator[None]:
        """A step does not answer meanwhile."""
        self._hung[step] = asyncio.Event()
        try:
            yield
        finally:
            self._hung.pop(step).set()

    def add(self, one: Thing) -> Object:
        """Put an object into the cloud, as others or an earlier process would."""
        one.began = self.clock.monotonic()
        self.things[one.kind, one.id] = one
        self.write()
        return one.object

    def add_vm(self, vm_id: str, mark: Mark | None, *, name: str = "") -> Object:
        """Put a server with a port into the cloud; its mark is complete, or it has none."""
        if mark is not None:
            name = mark.name
        server = self.add(Thing(kind=SERVER, id=vm_id, name=name, raw=as_metadata(mark)))
        self.add(Thing(kind=PORT, id=f"{vm_id}-port", device_id=vm_id))
        return server

    def now_there(self) -> Mapping[tuple[str, str], Thing]:
        """What exists now."""
        now = self.clock.monotonic()
        for key, one in [*self.things.items()]:
            if one.ends is not None and now >= one.ends:
                self.things.pop(key, None)
                if one.kind == SERVER and not self.ports_outlive:
                    self.things.pop((PORT, f"{one.id}-port"), None)
        return self.things

    def ids(self) -> Sequence[str]:
        """The ids of all that exists now, in order."""
        return sorted(object_id for _, object_id in self.now_there())

    async def step(self, name: str, *, of: str = "") -> Fault | None:
        """Every step begins so: it is counted, takes its time, hangs or fails. Returns what comes after."""
        self.requests.append(name)
        if self.takes_s:
            await self.clock.sleep(self.takes_s)
        if name in self._hung:
            await self._hung[name].wait()
        key = next((key for key in (f"{name} {of}", name) if self._faults.get(key)), None)
        if key is None:
            return None
        fault = self._faults[key][0]
        fault.times -= 1
        if not fault.times:
            self._faults[key].pop(0)
        if not fault.is_carried_out:
            raise _again(fault.error)
        return fault

    def create(self, mark: Mark) -> str:
        """A new VM with its port."""
        vm_id = f"vm-{mark.run}-{next(self._numbers)}"
        self.add_vm(vm_id, mark)
        self.most_vms = max(self.most_vms, sum(kind == SERVER for kind, _ in self.now_there()))
        return vm_id

    def create_for(self, mark: Mark, kind: str) -> Object:
        """A new object of a step."""
        one = Thing(kind=kind, id=f"{kind}-{mark.run}", name=mark.name, raw=as_metadata(mark))
        return self.add(one)

    def remove(self, one: Object) -> None:
        """Begin to delete an object."""
        self.deleted.append(one)
        thing = self.now_there().get((one.kind, one.id))
        if thing is not None and thing.ends is None and one.id not in self.undeletable:
            thing.ends = self.clock.monotonic() + self.deleted_s
        self.write()

    def write(self) -> None:
        """Write the file, if there is one: as it was, or as it is, whenever the process is killed."""
        if self._file is not None:
            new = self._file.with_suffix(".new")
            new.write_bytes(msgspec.json.encode([*self.now_there().values()]))
            new.replace(self._file)

    def _read(self) -> None:
        if self._file is not None and self._file.exists():
            found = msgspec.json.decode(self._file.read_bytes(), type=list[Thing])
            self.things = {(one.kind, one.id): one for one in found}


class ProbeLifecycle:
    """The ability Lifecycle of a ProbeCloud, for one credential."""

    vm_kind = SERVER

    def __init__(self, cloud: ProbeCloud, credential: str) -> None:
        self.credential, self._cloud = credential, cloud
        self.steps = cloud.steps
        self.budget = Budget(Limits(), cloud.clock)

    def at(self, host: str) -> "ProbeLifecycle":  # noqa: ARG002 - all hosts are of one cloud
        return self

    async def authenticate(self) -> None:
        _fail(await self._cloud.step("authenticate"))

    async def resolve(self) -> Resolved:
        _fail(await self._cloud.step("resolve"))
        return Resolved(self._cloud.image_id, None)

    async def check_quota(self, _: Resolved) -> None:
        _fail(await self._cloud.step("check_quota"))
        if sum(kind == SERVER for kind, _ in self._cloud.now_there()) >= self._cloud.room:
            raise StepError(RunReason.QUOTA, f"instances: {self._cloud.room} of {self._cloud.room} used")

    async def request(self, run: Underway, host: str = "") -> str:
        fault = await self._cloud.step("request", of=host)
        vm_id = self._cloud.create(run.mark)
        self._cloud.things[SERVER, vm_id].host = host or self._cloud.host_names[0]
        _fail(fault)
        return vm_id

    async def see(self, vm_id: str) -> Seen | None:
        _fail(await self._cloud.step("see", of=vm_id))
        one = self._cloud.now_there().get((SERVER, vm_id))
        if one is None:
            return None
        age_s = self._cloud.clock.monotonic() - one.began
        is_scheduled, is_built = age_s >= self._cloud.scheduled_s, age_s >= self._cloud.built_s
        is_networked = age_s >= self._cloud.networked_s
        fault = self._cloud.build_fault if is_built else None
        state = "BUILD" if not is_built else "ACTIVE" if fault is None else "ERROR"
        return Seen(
            state=state,
            host=one.host if is_scheduled else "",
            is_scheduled=is_scheduled,
            is_networked=is_networked,
            is_built=state == "ACTIVE",
            fault=fault,
            addresses=("192.0.2.7",) if is_networked else (),
        )

    async def delete(self, one: Object) -> None:
        fault = await self._cloud.step("delete", of=one.id)
        self._cloud.remove(one)
        _fail(fault)

    async def left(self, vm_id: str, objects: Sequence[Object] = ()) -> Sequence[Object]:
        _fail(await self._cloud.step("left", of=vm_id))
        there = self._cloud.now_there()
        server = there.get((SERVER, vm_id))
        ports = [one for one in there.values() if one.kind == PORT and one.device_id == vm_id]
        created = [there[one.kind, one.id] for one in objects if (one.kind, one.id) in there]
        return [one.object for one in ([server, *ports, *created] if server else [*ports, *created])]

    async def owned(self, tag: str, kinds: Collection[str] = ()) -> Owned:
        """All whose metadata has the tag, also if the rest of their mark is malformed."""
        self._cloud.wanted = {*kinds}
        _fail(await self._cloud.step("owned"))
        down = self._cloud.down
        tagged = [one for one in self._cloud.now_there().values() if one.raw.get("tag") == tag]
        if self._cloud.listed is not None:
            self._cloud.listed()
        failed = {one: StepError(RunReason.API_UNREACHABLE, f"{one}s: no answer") for one in down}
        return Owned([one.object for one in tagged if one.kind not in down], failed)

    async def hosts(self) -> Sequence[str]:
        _fail(await self._cloud.step("hosts"))
        return self._cloud.host_names

    @property
    def clock_skew_s(self) -> float | None:
        return self._cloud.skew_s


class ProbeStep:
    """A Step of a ProbeCloud: its requests are called `begin <phase>` and `look <phase>`."""

    def __init__(
        self, cloud: ProbeCloud, phase: Phase, creates: str = "", *, is_before_request: bool = False
    ) -> None:
        self.phase, self.creates, self.is_before_request = phase, creates, is_before_request
        self._cloud, self._began, self.seen = cloud, 0.0, ""
        self.underway: list[Underway] = []

    async def begin(self, run: Underway) -> Object | None:
        self.underway.append(run)
        fault = await self._cloud.step(f"begin {self.phase}")
        self._began = self._cloud.clock.monotonic()
        created = self._cloud.create_for(run.mark, self.creates) if self.creates else None
        _fail(fault)
        return created

    async def has_ended(self, run: Underway) -> bool:
        self.underway.append(run)
        _fail(await self._cloud.step(f"look {self.phase}"))
        self.seen = f"{self.phase} is underway"
        return self._cloud.clock.monotonic() >= self._began + self._cloud.step_s


def as_metadata(mark: Mark | None) -> Mapping[str, str]:
    """The metadata of an object with this mark."""
    if mark is None:
        return {}
    return {"tag": mark.tag, "probe": mark.probe, "run": mark.run, "deadline": repr(mark.deadline)}


def _fail(fault: Fault | None) -> None:
    if fault is not None:
        raise _again(fault.error)


def _again(error: StepError | StepLeftOutError) -> StepError | StepLeftOutError:
    """The same error as a new object."""
    if isinstance(error, StepLeftOutError):
        return StepLeftOutError(str(error))
    return type(error)(error.reason, str(error), is_unknown=error.is_unknown)
