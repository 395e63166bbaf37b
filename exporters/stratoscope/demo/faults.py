"""Faults on demand: what is wrong with the embedded cloud on purpose, for which requests, how often."""

import random
from collections.abc import Callable
from typing import Annotated, Final, Literal

import msgspec

from stratoscope.core.config import decode, one_of
from stratoscope.core.errors import ConfigError
from stratoscope.demo.openstack.refusals import REFUSALS, NamedRefusal

Kind = Literal[
    "latency", "429", "500", "503", "hang", "cut", "garbage", "expire_token", "malformed_item", "refuse_boot",
    "down",
]  # fmt: skip
Name = Literal["identity", "compute", "placement", "network", "block-storage", "image"]
Variant = Literal["no_flavor", "null_host", "huge_name", "no_id", "no_object"]

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
    "refuse_boot": ("refusal", "text", "count", "share"),
    "down": ("service", "host", "seconds"),
}
"""The keys that mean something, by kind of fault."""
_NEEDED: Final = {"latency": ("seconds",), "down": ("service", "host")}

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86400)]
Silence = Callable[[str, str, float | None], Callable[[], None]]
"""Lets the daemons of a service on a host fall silent; returns what undoes it. Raises LookupError."""


class Fault(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One fault.

    Attributes:
        service: Whose requests; None for all services'.
        path: They begin so, below the service's endpoint (of Keystone: with the version).
        count: So many requests are hit, then none; None for all.
        share: Of the requests that fit, so many are hit, by chance.
        seconds: Of latency or hanging (0: for ever); of `down`: until the daemon is taken for down.
        retry_after: The header.
        text: The message in place of the usual one.
        variant: Of a malformed item.
        refusal: Which of Nova's.
        host: Whose daemons are down.
    """

    fault: Kind
    service: Name | None = None
    path: str = ""
    method: str = ""
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    seconds: Seconds | None = None
    retry_after: Annotated[int, msgspec.Meta(ge=0)] | None = None
    text: str = ""
    variant: Variant = "no_flavor"
    refusal: str = "no_valid_host"
    host: str = ""

    def fits(self, service: str, path: str, method: str, *, has_token: bool) -> bool:
        """Whether a request is one of those that it is for."""
        return (
            self.service in (None, service)
            and path.startswith(self.path)
            and self.method in ("", method)
            and self.fault not in ("refuse_boot", "down")
            and (has_token or self.fault != "expire_token")
        )


class Faults:
    """Those in force, the oldest first."""

    def __init__(self, silence: Silence) -> None:
        self._silence = silence
        self._in_force: list[Fault] = []
        self._undo: list[Callable[[], None]] = []
        self._dice = random.Random(1)  # noqa: S311 - nothing to guard

    def add(self, document: object) -> None:
        """Put one fault or a list of them in force, beside those that are.

        Raises:
            ConfigError: One makes no sense; it names the key and what is allowed. None is in force then.
        """
        rows = document if isinstance(document, list) else [document]
        keys = [f"faults[{place}]" if isinstance(document, list) else "" for place in range(len(rows))]
        faults = [_checked(row, key) for row, key in zip(rows, keys, strict=True)]
        for fault, key in zip(faults, keys, strict=True):
            if fault.fault == "down":
                self._undo.append(self._silenced(fault, key))
        self._in_force += faults

    def clear(self) -> None:
        """Let everything be well again; what is being delayed stays so."""
        self._in_force.clear()
        while self._undo:
            self._undo.pop()()

    def shown(self) -> list[Fault]:
        """Those in force, with what is left of their counts."""
        return list(self._in_force)

    def hit(self, service: str, path: str, method: str, *, has_token: bool) -> list[Fault]:
        """The faults that a request is hit by; it counts."""
        return [
            fault
            for fault in self._in_force[:]
            if fault.fits(service, path, method, has_token=has_token) and self._strikes(fault)
        ]

    def refusal(self) -> NamedRefusal | None:
        """How the boot that is asked for now is to be refused; it counts."""
        for fault in self._in_force:
            if fault.fault == "refuse_boot" and self._strikes(fault):
                known = REFUSALS[fault.refusal]
                return NamedRefusal(fault.refusal, known.status, fault.text or known.text)
        return None

    def _strikes(self, fault: Fault) -> bool:
        if self._dice.random() >= fault.share:
            return False
        if fault.count is not None:
            fault.count -= 1
            if not fault.count:
                self._in_force.remove(fault)
        return True

    def _silenced(self, fault: Fault, key: str) -> Callable[[], None]:
        try:
            return self._silence(fault.service or "", fault.host, fault.seconds)
        except LookupError as error:
            where = f"{key}.host".removeprefix(".")
            raise ConfigError(f"{where}: unknown: {fault.host}; allowed: {error}") from error


def _checked(row: object, key: str) -> Fault:
    if isinstance(row, dict) and isinstance(row.get("fault"), int):
        row = {**row, "fault": str(row["fault"])}
    fault = decode(Fault, row, key)
    dot = f"{key}." if key else ""
    one_of(fault.refusal, REFUSALS, f"{dot}refusal")
    given = set(row) if isinstance(row, dict) else set()
    allowed = ("fault", *_MEANINGFUL[fault.fault])
    for name in sorted(given):
        if name not in allowed:
            text = f"{dot}{name}: means nothing for {fault.fault}; allowed: {', '.join(allowed)}"
            raise ConfigError(text)
    for name in _NEEDED.get(fault.fault, ()):
        if name not in given:
            raise ConfigError(f"{dot}{name}: {fault.fault} needs it")
    return fault
