"""All that is told one by one."""

from collections.abc import Sequence
from typing import Any, Final

from stratoscope.clouds.abilities import Question
from stratoscope.clouds.objects import Each
from stratoscope.clouds.openstack.api import Api
from stratoscope.clouds.openstack.each import block_storage, identity, image, network
from stratoscope.clouds.openstack.each.each import Sort
from stratoscope.clouds.openstack.each.router_agents import RouterAgents

SORTS: Final[Sequence[Sort[Any]]] = (*network.SORTS, *block_storage.SORTS, *image.SORTS, *identity.SORTS)


class EachObject:
    """Its questions; none is asked unless the configuration says so."""

    def __init__(self, api: Api) -> None:
        self._api, self._router_agents = api, RouterAgents(api)

    def questions(self) -> Sequence[Question[Each]]:
        of_sorts = tuple(sort.question(self._api) for sort in SORTS)
        return (*of_sorts, *self._router_agents.questions())
