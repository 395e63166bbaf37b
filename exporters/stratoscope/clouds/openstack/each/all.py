"""All that is told one by one."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from stratoscope.clouds.abilities import Fetch, Question, Reader
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


class EachObject(Reader):
    """Its questions; none is asked unless the configuration says so."""

    def __init__(self, api: Api) -> None:
        self._api, self._router_agents = api, RouterAgents(api)

    @classmethod
    def questions(cls) -> Sequence[Question]:
        return [*(one.question for one in LISTS), *RouterAgents.questions()]

    def fetches(self) -> Mapping[str, Fetch]:
        return {one.name: partial(one.read, self._api) for one in LISTS} | dict(self._router_agents.fetches())
