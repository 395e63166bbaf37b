"""A cloud of each kind in which VMs can be created, for tests of what all Lifecycles promise.

OpenStack and OpenNebula are embedded clouds, reached over HTTP; libvirt is its mock driver, whose connections
are watched.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import libvirt

from stratoscope.clouds.abilities import Lifecycle
from stratoscope.clouds.client.limiter import Budget
from stratoscope.clouds.libvirt.config import LibvirtCloud
from stratoscope.clouds.libvirt.connection import Connection, connect_to_write
from stratoscope.clouds.libvirt.lifecycle.description import Description
from stratoscope.clouds.libvirt.lifecycle.hosts import WritableCloud
from stratoscope.clouds.libvirt.lifecycle.vms import LibvirtVMs
from stratoscope.demo.faults import Faults
from support import opennebula_vms, openstack_vms
from support.demo_cloud import demo_cloud
from support.demo_one import demo_one
from support.fake_libvirt import failure

_NANO: Final = "t1.nano"
_USER: Final = "user1:demo"
_URI: Final = "test:///default"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What becomes of requests from now on.

    Attributes:
        http: The fault of an embedded cloud.
        libvirt: The code of libvirt's error.
        is_carried_out: The request is carried out nevertheless, and its answer lost.
    """

    name: str
    http: Mapping[str, Any]
    libvirt: int
    is_carried_out: bool = False


NONSENSE: Final = "nonsense"
TROUBLES: Final = (
    Trouble("internal", {"fault": "500"}, libvirt.VIR_ERR_INTERNAL_ERROR),
    Trouble(NONSENSE, {"fault": "garbage"}, libvirt.VIR_ERR_XML_ERROR, is_carried_out=True),
    Trouble("lost answer", {"fault": "cut"}, libvirt.VIR_ERR_SYSTEM_ERROR, is_carried_out=True),
)


@dataclass(frozen=True, slots=True)
class LifecycleCloud:
    """One cloud.

    Attributes:
        lifecycle: One with the right credential; each call makes another one of the same cloud.
        stranger: One with a wrong credential.
        after: Lets so many seconds of the cloud's time pass.
        created: How many creations of VMs were sent so far.
        trouble: Befalls all requests from now on; None ends it.
        trouble_of_creation: The same, of those that create a VM alone.
    """

    lifecycle: Callable[[], Lifecycle]
    stranger: Lifecycle
    after: Callable[[float], object]
    created: Callable[[], int]
    trouble: Callable[[Trouble | None], None]
    trouble_of_creation: Callable[[Trouble], None]


Opened: TypeAlias = Callable[[Path], AbstractAsyncContextManager[LifecycleCloud]]


@asynccontextmanager
async def _openstack(folder: Path) -> AsyncIterator[LifecycleCloud]:
    wrong = folder / "wrong"
    wrong.mkdir()
    async with (
        demo_cloud() as demo,
        openstack_vms.opened(demo, folder) as cloud,
        openstack_vms.opened(demo, wrong) as strange,
    ):
        file = demo.clouds_yaml(wrong)
        file.write_text(re.sub(r"password: .*", "password: wrong", file.read_text("utf-8")), "utf-8")
        yield LifecycleCloud(
            lambda: openstack_vms.vms(cloud),
            openstack_vms.vms(strange),
            demo.after,
            lambda: _sent(cloud.budget, "compute", "server_create"),
            lambda trouble: _befall(demo.cloud.faults, trouble),
            lambda trouble: _befall(demo.cloud.faults, trouble, service="compute", method="POST"),
        )


@asynccontextmanager
async def _opennebula(_: Path) -> AsyncIterator[LifecycleCloud]:
    async with (
        demo_one() as demo,
        opennebula_vms.opened(demo, _USER) as zone,
        opennebula_vms.opened(demo, "user1:wrong") as strange,
    ):
        yield LifecycleCloud(
            lambda: opennebula_vms.vms(zone, template=_NANO),
            opennebula_vms.vms(strange, template=_NANO),
            demo.after,
            lambda: _sent(zone.budget, "oned", "template.instantiate"),
            lambda trouble: _befall(demo.cloud.faults, trouble),
            lambda trouble: _befall(demo.cloud.faults, trouble, path="one.template.instantiate"),
        )


@dataclass
class _Daemon:
    """The mock driver of libvirt.

    Attributes:
        created: Calls that create a domain.
        trouble: Of all calls, or of those that create one.
    """

    created: int = 0
    trouble: Trouble | None = None
    is_of_creation: bool = False

    def befall(self, trouble: Trouble | None, *, is_of_creation: bool = False) -> None:
        self.trouble, self.is_of_creation = trouble, is_of_creation

    def connect(self, uri: str) -> Connection:
        return Connection(cast("libvirt.virConnect", _Watched(self, connect_to_write(uri).virt)))

    def refuse(self, _uri: str) -> Connection:
        raise failure(libvirt.VIR_ERR_AUTH_FAILED, "authentication failed")


@dataclass
class _Watched:
    """One connection: a virConnect whose calls are counted, and fail while there is trouble."""

    daemon: _Daemon
    virt: libvirt.virConnect
    own: frozenset[str] = field(default=frozenset({"isAlive", "close"}))

    def __getattr__(self, name: str) -> Any:
        call, daemon = getattr(self.virt, name), self.daemon
        if name in self.own:
            return call

        def watched(*args: Any) -> Any:
            is_creation = name == "createXML"
            daemon.created += is_creation
            trouble = daemon.trouble
            if trouble is None or (daemon.is_of_creation and not is_creation):
                return call(*args)
            if trouble.is_carried_out and is_creation:
                call(*args)
            raise failure(trouble.libvirt, "trouble")

        return watched


@asynccontextmanager
async def _libvirt(_: Path) -> AsyncIterator[LifecycleCloud]:
    daemon = _Daemon()
    entry = LibvirtCloud(name="lab", uri=_URI, host="node1")
    cloud, strange = WritableCloud(entry, daemon.connect), WritableCloud(entry, daemon.refuse)
    try:
        yield LifecycleCloud(
            lambda: LibvirtVMs(cloud, Description()),
            LibvirtVMs(strange, Description()),
            lambda _: None,
            lambda: daemon.created,
            daemon.befall,
            lambda trouble: daemon.befall(trouble, is_of_creation=True),
        )
    finally:
        await cloud.close()
        await strange.close()


KINDS: Final[Mapping[str, Opened]] = {
    "libvirt": _libvirt, "opennebula": _opennebula, "openstack": _openstack,
}  # fmt: skip


def _sent(budget: Budget | None, service: str, operation: str) -> int:
    """Requests of this kind, whatever became of them."""
    assert budget is not None
    sent = budget.stats.requests.items()
    return sum(number for call, number in sent if call[:2] == (service, operation))


def _befall(faults: Faults, trouble: Trouble | None, **of_requests: str) -> None:
    faults.clear()
    if trouble is not None:
        faults.add({**trouble.http, **of_requests})
