"""All that is told one by one."""

from collections.abc import Sequence
from typing import Any, Final

from stratoscope.clouds.abilities import Question
from stratoscope.clouds.objects import Each
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.each import block_storage, identity, image, network
from stratoscope.clouds.openstack.each.object_list import ObjectList
from stratoscope.clouds.openstack.each.router_agents import RouterAgents

LISTS: Final[Sequence[ObjectList[Any]]] = (
    *network.LISTS,
    *block_storage.LISTS,
    *image.LISTS,
    *identity.LISTS,
)


class EachObject:
    """Its questions; none is asked unless the configuration says so."""

    def __init__(self, api: Api) -> None:
        self._api, self._router_agents = api, RouterAgents(api)

    def questions(self) -> Sequence[Question[Each]]:
        of_lists = tuple(one.question(self._api) for one in LISTS)
        return (*of_lists, *self._router_agents.questions())
