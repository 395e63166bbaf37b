"""All boards, in the order of their questions."""

from collections.abc import Callable
from itertools import count
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard as Builder
from grafana_foundation_sdk.models.dashboard import Dashboard

from boards import (
    availability_report,
    can_i_create_a_vm,
    capacity,
    downtimes,
    exporters,
    hosts_and_contention,
    hypervisor_technologies,
    is_it_working,
    management_layer,
    my_project,
    one_vm,
    which_vm,
)

_BOARDS: Final[tuple[Callable[[], Builder], ...]] = (
    is_it_working.made,
    can_i_create_a_vm.made,
    one_vm.made,
    my_project.made,
    which_vm.made,
    hosts_and_contention.made,
    hypervisor_technologies.made,
    capacity.made,
    management_layer.made,
    availability_report.made,
    downtimes.made,
    exporters.made,
)


def all_boards() -> list[Dashboard]:
    """The boards; their panels are numbered from 1 on."""
    built = [made().build() for made in _BOARDS]
    for one in built:
        numbers = count(1)
        for panel in one.panels or ():
            panel.id_val = next(numbers)
            for closed in getattr(panel, "panels", None) or ():
                closed.id_val = next(numbers)
    return built
