"""Services of which only the agents, and the objects counted by state, are read."""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds import model
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.management.subject import Subject
from stratoscope.management.subjects.objects import WHOLE
from stratoscope.management.subjects.services import Services

OBJECTS: Final = Family(
    "stratoscope_management_objects",
    "Objects of the sort by state, as the source spells it; the state is empty if the source does not "
    "report it.",
    labels=("cloud", "service", "sort", "state"),
)
LISTED: Final = Family(
    "stratoscope_management_services_listed",
    "1 if the credential may list the service's agents, 0 if not, so that none is shown; absent if the "
    "service has no such list.",
    labels=("cloud", "service"),
)


class OtherServices(Subject[model.OtherService]):
    """Agents are shown as all services' agents are."""

    families = (OBJECTS, WHOLE, LISTED, *Services.families)

    def __init__(self, cloud: str) -> None:
        super().__init__(cloud)
        self._agents = Services(cloud)

    def samples(self, answer: model.OtherService, /) -> Iterable[Sample]:
        service = Labels(cloud=self._cloud, service=answer.service)
        for objects in answer.objects:
            for state, count in objects.by_state.items():
                yield OBJECTS(count.number, service.plus(sort=objects.sort, state=state))
            yield WHOLE(int(objects.is_whole), Labels(cloud=self._cloud, sort=objects.sort))
        if answer.are_agents_listed is not None:
            yield LISTED(int(answer.are_agents_listed), service)
        yield from self._agents.samples(model.Services(answer.agents))
