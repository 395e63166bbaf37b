"""A call as the methods get it, and the types of its parameters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from xmlrpc.client import Fault

from stratoscope.demo.opennebula.directory import Account

_KINDS: Final[dict[str, tuple[type, str]]] = {
    "i": (int, "integer"),
    "s": (str, "string"),
    "b": (bool, "boolean"),
}
_NOT_ENOUGH, _NO_METHOD = -501, -506


@dataclass(frozen=True, slots=True)
class Call:
    """One call. Attributes: args: Without the session; as many as were sent."""

    method: str
    caller: Account
    args: Sequence[Any]
    base: str = ""

    def arg(self, place: int, default: Any) -> Any:
        """An optional parameter."""
        return self.args[place] if len(self.args) > place else default


Answer = str | int | bool
Handler = Callable[[Call], Answer]


class Method(NamedTuple):
    """Attributes: params: A letter for each: i, s, b; those after `?` may be left out."""

    handler: Handler
    params: str = ""

    def check(self, args: Sequence[object]) -> None:
        """Raises Fault: There are too few parameters, or one is of another type."""
        needed, _, optional = self.params.partition("?")
        if len(args) < len(needed):
            raise Fault(_NOT_ENOUGH, "Not enough parameters")
        for value, letter in zip(args, needed + optional, strict=False):
            kind, name = _KINDS[letter]
            if type(value) is not kind:
                raise Fault(_NOT_ENOUGH, f"Parameter that is supposed to be {name} is not")


def unknown(method: str) -> Fault:
    return Fault(_NO_METHOD, f"Method '{method}' not defined")
