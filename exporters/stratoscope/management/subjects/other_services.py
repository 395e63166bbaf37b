"""Services that are not asked in depth: their agents, and their objects counted by state."""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds import model
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.management.subject import Subject
from stratoscope.management.subjects.objects import WHOLE
from stratoscope.management.subjects.services import Services

OBJECTS: Final = Family(
    "stratoscope_management_objects",
    "Objects of a sort by state, as the source spells it; empty where it does not tell the state.",
    labels=("cloud", "service", "sort", "state"),
)
LISTED: Final = Family(
    "stratoscope_management_services_listed",
    "1 if the service lists its agents to the credential, 0 if that may not see them: then none is shown.",
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
