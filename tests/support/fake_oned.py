"""An oned in memory for probes: VMs that are created and end, in the words that a real one recorded.

A VM goes one state further at each `vm.info`, so that no test waits.
"""

import xmlrpc.client
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final

from aiohttp import web
from lxml import etree

from support.little_server import listening
from support.replayed_oned import FIXTURES, SESSION, enveloped, paged, recorded, refused

PLAIN: Final = "alice:alice-secret"
"""A user who may use templates, images and networks, and nothing more."""
IMAGE, NETWORK = 0, 0
"""What the template `small` uses."""
HOSTS: Final = {0: "dummy-a1", 1: "dummy-a2", 2: "dummy-b1"}
OFFLINE: Final = 3

State = tuple[int, int]
ACTIVE: Final = 3
PENDING, HOLD, DONE = (1, 0), (2, 0), (6, 0)
PROLOG, BOOT, RUNNING, SHUTDOWN, EPILOG = (3, 1), (3, 2), (3, 3), (3, 12), (3, 11)
BOOT_FAILURE, PROLOG_FAILURE, UNKNOWN, POWEROFF = (3, 36), (3, 39), (3, 16), (8, 0)
_FAILURES: Final = (BOOT_FAILURE, PROLOG_FAILURE)
_NAMES: Final = {PROLOG: "PROLOG", BOOT: "BOOT", EPILOG: "EPILOG"}
_ADMINS: Final = ("user", "hostpool")


@dataclass
class FakeVM:
    """A VM.

    Attributes:
        ahead: The states that come, one at each look.
        user_id: Its owner's.
    """

    id: int
    name: str
    user_id: int
    state: State
    ahead: deque[State]
    host: int | None = None
    sched_message: str = ""
    error: str = ""
    created: int = 1_795_305_320
    has_address: bool = True

    @property
    def ip(self) -> str:
        return f"10.0.0.{10 + self.id % 200}" if self.has_address else ""

    def go_on(self) -> None:
        if self.ahead:
            self.state = self.ahead.popleft()
        if self.state[0] == ACTIVE and self.host is None:
            self.host = 0


@dataclass
class FakeOned:
    """What it has, and what it was asked.

    Attributes:
        boot: The states of a VM from its beginning on.
        faults: By method: what the next calls are answered instead; None answers as always.
        keeps: It frees neither leases nor images of a VM that is done.
        lost: Methods that are carried out, and whose answer is cut off.
        calls: How often each method was called.
        params: Of the last call of each method, without the session.
        answers: By method: XML that replaces what was recorded.
    """

    boot: list[State] = field(default_factory=lambda: [PENDING, PROLOG, BOOT, RUNNING])
    sched_message: str = ""
    error: str = ""
    vms: dict[int, FakeVM] = field(default_factory=dict)
    faults: dict[str, deque[bytes | None]] = field(default_factory=dict)
    keeps: bool = False
    lost: set[str] = field(default_factory=set)
    calls: Counter[str] = field(default_factory=Counter)
    params: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    endpoint: str = ""
    next_id: int = 260

    def fail(self, method: str, *bodies: bytes | None) -> None:
        self.faults[method] = deque(bodies)

    def add(self, name: str, state: State, *, ahead: Iterable[State] = (), user_id: int = 0) -> FakeVM:
        vm = FakeVM(self.next_id, name, user_id, state, deque(ahead))
        self.next_id += 1
        self.vms[vm.id] = vm
        return vm

    def living(self) -> list[FakeVM]:
        return [one for one in self.vms.values() if one.state != DONE]

    def holding(self) -> list[FakeVM]:
        """The VMs that have leases and images."""
        return [*self.vms.values()] if self.keeps else self.living()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        params, method = xmlrpc.client.loads(await request.read())
        name = str(method).removeprefix("one.")
        self.calls[name] += 1
        if not params:
            return _response(refused("unknown_method"))
        session, rest = str(params[0]), params[1:]
        self.params[name] = rest
        if session not in (SESSION, PLAIN):
            return _response(refused("bad_password"))
        waiting = self.faults.get(name)
        if waiting and (body := waiting.popleft()) is not None:
            return _response(body)
        body = self._answered(name, rest, is_admin=session == SESSION)
        return _response(body[:-40] if name in self.lost else body)

    def _answered(self, name: str, params: tuple[Any, ...], *, is_admin: bool) -> bytes:
        handlers: dict[str, Callable[..., bytes]] = {
            "template.instantiate": self._instantiate, "vm.info": self._info, "vmpool.info": self._pool,
            "vm.deploy": self._deploy, "vm.action": self._action, "vm.recover": self._recover,
            "vn.info": self._network, "image.info": self._image,
        }  # fmt: skip
        if name in handlers:
            return handlers[name](*params, is_admin=is_admin)
        pool = name.partition(".")[0]
        file = name if is_admin or pool not in _ADMINS else f"of-a-user/{name}"
        text = self.answers.get(name) or recorded(file)
        if name in ("templatepool.info", "imagepool.info"):
            text = paged(text, params[1], -params[2])
        return enveloped(text)

    def _instantiate(  # noqa: PLR0913 - the parameters of the call
        self, template: int, name: str, hold: bool, extra: str, persistent: bool, *, is_admin: bool
    ) -> bytes:
        if template != 0:
            return refused("no_such_template")
        if extra and not is_admin:
            return refused("quota_ips")
        assert not persistent
        states = [HOLD] if hold else self.boot
        vm = self.add(name, states[0], ahead=states[1:], user_id=0 if is_admin else 2)
        vm.sched_message, vm.error = self.sched_message, self.error
        return done(vm.id)

    def _info(self, vm_id: int, *, is_admin: bool) -> bytes:
        vm = self.vms.get(vm_id)
        if vm is None:
            return refused("no_such_vm")
        if not is_admin and vm.user_id == 0:
            return refused("user_vm_of_other")
        body = enveloped(as_xml(vm))
        vm.go_on()
        return body

    def _pool(self, whose: int, start: int, end: int, state: int, *, is_admin: bool) -> bytes:
        assert (start, end, state) == (-1, -1, -1)
        if whose != -3:
            return refused("vmpool_bad_filter")
        mine = [one for one in self.living() if one.user_id == (0 if is_admin else 2)]
        return enveloped(f"<VM_POOL>{''.join(map(as_xml, mine))}</VM_POOL>")

    def _deploy(  # noqa: PLR0913 - the parameters of the call
        self, vm_id: int, host: int, enforce: bool, datastore: int, extra: str, *, is_admin: bool
    ) -> bytes:
        assert (enforce, datastore, extra) == (True, -1, "")
        if not is_admin:
            what = f"User [2] : Not authorized to perform ADMIN VM [{vm_id}]."
            return failed(0x200, f"[one.vm.deploy] {what}")
        if host == OFFLINE:
            return refused("deploy_offline_host")
        if host not in HOSTS:
            return refused("no_such_host_deploy")
        vm = self.vms[vm_id]
        if vm.state not in (HOLD, PENDING):
            return refused("deploy_wrong_state")
        vm.host, vm.state, vm.ahead = host, PROLOG, deque([BOOT, RUNNING])
        return done(vm_id)

    def _action(self, action: str, vm_id: int, *, is_admin: bool) -> bytes:
        vm = self.vms.get(vm_id)
        if vm is None or (vm.user_id == 0 and not is_admin):
            return refused("no_such_vm" if vm is None else "user_vm_of_other")
        if action == "terminate-hard":
            return self._terminate(vm)
        wanted, state = (RUNNING, POWEROFF) if action == "poweroff-hard" else (POWEROFF, RUNNING)
        if vm.state != wanted:
            return refused("action_wrong_state")
        vm.ahead = deque([state])
        return done(vm_id)

    def _terminate(self, vm: FakeVM) -> bytes:
        if vm.state in _NAMES:
            what = f"Could not terminate VM {vm.id}, wrong state {_NAMES[vm.state]}."
            return failed(0x800, f'[one.vm.action] Error performing action "terminate-hard": {what}')
        is_without_host = vm.state in (PENDING, HOLD) or vm.state in _FAILURES
        vm.ahead = deque([DONE] if is_without_host else [SHUTDOWN, EPILOG, DONE])
        vm.go_on()
        return done(vm.id)

    def _recover(self, vm_id: int, operation: int, *, is_admin: bool) -> bytes:
        assert operation == 3
        if not is_admin:
            what = f"User [2] : Not authorized to perform ADMIN VM [{vm_id}]."
            return failed(0x200, f"[one.vm.recover] {what}")
        vm = self.vms[vm_id]
        vm.ahead = deque([DONE])
        vm.go_on()
        return done(vm_id)

    def _network(self, network: int, *, is_admin: bool) -> bytes:
        held = [one for one in self.holding() if is_admin or one.user_id]
        leases = "".join(f"<LEASE><IP>{one.ip}</IP><VM>{one.id}</VM></LEASE>" for one in held)
        text = recorded(f"vn.info-{network}").replace("<LEASES/>", f"<LEASES>{leases}</LEASES>", 1)
        return enveloped(text)

    def _image(self, image: int, **_: Any) -> bytes:
        ids = "".join(f"<ID>{one.id}</ID>" for one in self.holding())
        return enveloped(f"<IMAGE><ID>{image}</ID><NAME>alpine</NAME><VMS>{ids}</VMS></IMAGE>")


def as_xml(vm: FakeVM) -> str:
    """A VM, on the pattern of one that was recorded."""
    element = etree.fromstring((FIXTURES / "vms" / "hold.xml").read_bytes(), etree.XMLParser())
    texts = {
        "ID": vm.id, "NAME": vm.name, "UID": vm.user_id, "STATE": vm.state[0], "LCM_STATE": vm.state[1],
        "STIME": vm.created, "TEMPLATE/NIC/IP": vm.ip, "TEMPLATE/VMID": vm.id,
    }  # fmt: skip
    for path, text in texts.items():
        found = element.find(path)
        assert found is not None
        found.text = str(text)
    told = {"SCHED_MESSAGE": vm.sched_message, "ERROR": vm.error}
    messages = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in told.items() if text)
    history = ""
    if vm.host is not None:
        history = f"<HISTORY><SEQ>0</SEQ><HOSTNAME>{HOSTS[vm.host]}</HOSTNAME></HISTORY>"
    text = etree.tostring(element).decode()
    text = text.replace("</USER_TEMPLATE>", f"{messages}</USER_TEMPLATE>")
    return text.replace("<HISTORY_RECORDS/>", f"<HISTORY_RECORDS>{history}</HISTORY_RECORDS>")


def failed(code: int, text: str) -> bytes:
    """The body of a call that failed with words that were not recorded."""
    values = f"<value><boolean>0</boolean></value><value><string>{escape(text, quote=False)}</string></value>"
    return (
        "<methodResponse><params><param><value><array><data>"
        f"{values}<value><i4>{code}</i4></value></data></array></value></param></params></methodResponse>"
    ).encode()


def done(number: int) -> bytes:
    """The body of an action that was done, as recorded for VM 260."""
    return (FIXTURES / "instantiated.xml").read_bytes().replace(b"260", str(number).encode())


def _response(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="text/xml")


@asynccontextmanager
async def fake_oned() -> AsyncIterator[FakeOned]:
    """An oned, meanwhile."""
    oned = FakeOned()
    async with listening(oned.answer) as address:
        oned.endpoint = f"{address}/RPC2"
        yield oned
