"""Faults on demand in the embedded cloud: which, for which requests, how often."""

import random
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Final, Literal, cast, get_args

import msgspec

from stratoscope.core.config import decode, one_of
from stratoscope.core.errors import ConfigError
from stratoscope.demo.world.boot_errors import BootError

Kind = Literal[
    "latency", "429", "500", "503", "hang", "cut", "garbage", "expire_token", "malformed_item", "refuse_boot",
    "down", "misallocate",
]  # fmt: skip
OPENSTACK: Final = ("identity", "compute", "placement", "network", "block-storage", "image")
"""The services of an OpenStack."""
Variant = Literal["no_flavor", "null_host", "huge_name", "no_id", "no_object", "odd_state"]
Misallocation = Literal["allocation_without_vm", "vm_without_allocation", "other_host", "ended_migration"]

_OF_REQUESTS: Final = ("service", "path", "method", "count", "share")
_MEANINGFUL: Final = {
    "latency": (*_OF_REQUESTS, "seconds"),
    "429": (*_OF_REQUESTS, "retry_after", "text"),
    "500": (*_OF_REQUESTS, "retry_after", "text"),
    "503": (*_OF_REQUESTS, "retry_after", "text"),
    "hang": (*_OF_REQUESTS, "seconds"),
    "cut": _OF_REQUESTS,
    "garbage": (*_OF_REQUESTS, "text"),
    "expire_token": _OF_REQUESTS,
    "malformed_item": (*_OF_REQUESTS, "variant"),
    "refuse_boot": ("refusal", "image", "text", "count", "share"),
    "down": ("service", "host", "seconds"),
    "misallocate": ("what", "host"),
}
"""The allowed keys, by kind of fault."""
_NEEDED: Final = {"latency": ("seconds",), "down": ("service", "host"), "misallocate": ("what", "host")}

MOST: Final = 1_000
"""So many faults may be in force."""

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86400)]
Silence = Callable[[str, str, float | None], Callable[[], None]]
"""Stops the reports of a service's daemons on a host; returns the undo. Raises LookupError."""
Misallocate = Callable[[str, str], Callable[[], None]]
"""Makes an allocation on a host wrong; returns the undo. Raises LookupError."""


class Fault(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One fault: what its keys mean stands in docs/demo-cloud.md.

    Attributes:
        service, count, image: None, or "", for all.
        path: Below the service's endpoint (of Keystone: with the version).
        seconds: 0 hangs for ever.
    """

    fault: Kind
    service: str | None = None
    path: str = ""
    method: str = ""
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    seconds: Seconds | None = None
    retry_after: Annotated[int, msgspec.Meta(ge=0)] | None = None
    text: str = ""
    variant: Variant = "no_flavor"
    refusal: str = "no_valid_host"
    image: str = ""
    host: str = ""
    what: Misallocation = "allocation_without_vm"

    def matches(self, service: str, path: str, method: str, *, has_token: bool) -> bool:
        """Whether the fault is for such a request."""
        return (
            self.service in (None, service)
            and path.startswith(self.path)
            and self.method in ("", method)
            and self.fault not in ("refuse_boot", "down", "misallocate")
            and (has_token or self.fault != "expire_token")
        )


class Faults:
    """The faults in force, the oldest first.

    Args:
        images: The names of those that there are now.
        errors: By the names in `refusal`.
        services: Those that the cloud has.
        misallocate: None where nothing like Placement is.
    """

    def __init__(
        self,
        silence: Silence,
        images: Callable[[], Collection[str]],
        errors: Mapping[str, BootError],
        services: Collection[str] = OPENSTACK,
        misallocate: Misallocate | None = None,
    ) -> None:
        self._silence, self._images, self._errors, self._services = silence, images, errors, services
        self._misallocate = misallocate
        self._in_force: list[Fault] = []
        self._undo: list[Callable[[], None]] = []
        self._dice = random.Random(1)  # noqa: S311 - nothing to guard

    def add(self, document: object) -> None:
        """Add one fault or a list of them.

        Raises:
            ConfigError: One is invalid, or there are too many; the message names the key and what is allowed.
                None is added then.
        """
        rows: dict[str, object] = {"": document}
        if isinstance(document, list):
            rows = {f"faults[{number}].": row for number, row in enumerate(document)}
        if len(self._in_force) + len(rows) > MOST:
            raise ConfigError(f"faults: too many in force; allowed: {MOST}; DELETE ends them")
        faults = {before: self._checked(row, before) for before, row in rows.items()}
        for before, fault in faults.items():
            if fault.fault in ("down", "misallocate"):
                self._undo.append(self._made(fault, before))
        self._in_force += faults.values()

    def clear(self) -> None:
        """End all faults; requests that are being delayed stay delayed."""
        self._in_force.clear()
        while self._undo:
            self._undo.pop()()

    def shown(self) -> list[Fault]:
        """The faults in force, with their remaining counts."""
        return list(self._in_force)

    def hit(self, service: str, path: str, method: str, *, has_token: bool) -> list[Fault]:
        """The faults that hit a request; their counts go down."""
        return [
            fault
            for fault in self._in_force[:]
            if fault.matches(service, path, method, has_token=has_token) and self._strikes(fault)
        ]

    def boot_error(self, image: str) -> BootError | None:
        """The error of the boot that is requested now; its count goes down.

        Args:
            image: The image's name; "" for a VM that boots from a volume.
        """
        for fault in self._in_force:
            if fault.fault == "refuse_boot" and fault.image in ("", image) and self._strikes(fault):
                error = self._errors[fault.refusal]
                return error._replace(text=fault.text or error.text)
        return None

    def _strikes(self, fault: Fault) -> bool:
        if self._dice.random() >= fault.share:
            return False
        if fault.count is not None:
            fault.count -= 1
            if not fault.count:
                self._in_force.remove(fault)
        return True

    def _made(self, fault: Fault, before: str) -> Callable[[], None]:
        try:
            if fault.fault == "misallocate" and self._misallocate is not None:
                return self._misallocate(fault.what, fault.host)
            return self._silence(fault.service or "", fault.host, fault.seconds)
        except LookupError as error:
            raise ConfigError(f"{before}host: unknown: {fault.host}; allowed: {error}") from error

    def _checked(self, row: object, before: str) -> Fault:
        if isinstance(row, dict) and isinstance(row.get("fault"), int):
            row = {**row, "fault": str(row["fault"])}
        fault = decode(Fault, row, before.removesuffix("."))
        if fault.fault == "misallocate" and self._misallocate is None:
            others = ", ".join(one for one in get_args(Kind) if one != fault.fault)
            raise ConfigError(f"{before}fault: misallocate needs Placement; allowed: {others}")
        one_of(fault.refusal, self._errors, f"{before}refusal")
        if fault.service is not None:
            one_of(fault.service, self._services, f"{before}service")
        if fault.image:
            one_of(fault.image, self._images(), f"{before}image")
        given, allowed = set(cast("dict[str, object]", row)), ("fault", *_MEANINGFUL[fault.fault])
        for name in sorted(given.difference(allowed)):
            text = f"{before}{name}: means nothing for {fault.fault}; allowed: {', '.join(allowed)}"
            raise ConfigError(text)
        for name in _NEEDED.get(fault.fault, ()):
            if name not in given:
                raise ConfigError(f"{before}{name}: {fault.fault} needs it")
        return fault
