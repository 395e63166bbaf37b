"""The objects of an answer that lists them one by one, for each class of such answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stratoscope.clouds import model
from stratoscope.management.resources.history import Known, next_known


@dataclass(frozen=True, slots=True)
class Listing:
    """A list as routes get it.

    Attributes:
        is_complete: Whether all objects of the cloud are in it.
        state_of: The state of one of the objects, as the source spells it.
        as_of: When the last list began, if events have spared a newer one; Unix seconds.
    """

    known: Known
    is_complete: bool
    state_of: Callable[[Any], str]
    as_of: float | None = None


def _vms(answer: model.VMs) -> tuple[Mapping[str, object], bool, Callable[[Any], str]]:
    return answer.vms, answer.is_whole and answer.is_complete, _state


def _objects(answer: model.Objects) -> tuple[Mapping[str, object], bool, Callable[[Any], str]]:
    if answer.listed is None:
        raise TypeError(f"{answer.sort}: its question lists objects, and its answer does not have them")
    return answer.listed.states, answer.is_whole and answer.listed.is_complete, str


def _state(vm: model.VM) -> str:
    return vm.state


_LISTS: Final[
    Mapping[type[Any], Callable[[Any], tuple[Mapping[str, object], bool, Callable[[Any], str]]]]
] = {
    model.VMs: _vms,
    model.Objects: _objects,
    model.Images: lambda answer: _objects(answer.objects),
}


class Lists:
    """The successive lists of one question."""

    def __init__(self) -> None:
        self._known: Known | None = None

    def next(self, answer: object, as_of: float, moved: Mapping[str, bool] | None) -> Listing:
        """The list of the next answer.

        Args:
            as_of: Unix seconds at which it began to be read.
            moved: As `next_known`.
        """
        objects, is_complete, state_of = _LISTS[type(answer)](answer)
        spared, ended = (
            (answer.as_of, answer.ended) if isinstance(answer, model.VMs) else (None, frozenset[str]())
        )
        self._known = next_known(self._known, objects, as_of, moved, ended)
        return Listing(self._known, is_complete, state_of, spared)
