"""A method as oned calls it: its handler, and the types of its parameters."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from xmlrpc.client import Fault

from stratoscope.demo.opennebula.directory import Account

_KINDS: Final = {"i": (int, "integer"), "s": (str, "string"), "b": (bool, "boolean")}
_NOT_ENOUGH: Final = -501

Answer = str | int


class Method(NamedTuple):
    """Attributes:
    handler: Gets who calls, and the parameters.
    params: A letter for each: i, s, b; those after `?` may be left out.
    """

    handler: Callable[..., Answer]
    params: str = ""

    def answer(self, caller: Account, args: Sequence[object]) -> Answer:
        """Raises OneError."""
        return self.handler(caller, *args[: len(self.params.replace("?", ""))])

    def check(self, args: Sequence[object]) -> None:
        """Raises Fault: There are too few parameters, or one is of another type."""
        needed, _, optional = self.params.partition("?")
        if len(args) < len(needed):
            raise Fault(_NOT_ENOUGH, "Not enough parameters")
        for value, letter in zip(args, needed + optional, strict=False):
            kind, name = _KINDS[letter]
            if type(value) is not kind:
                raise Fault(_NOT_ENOUGH, f"Parameter that is supposed to be {name} is not")
