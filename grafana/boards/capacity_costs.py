"""A panel of the dashboard on capacity about costs, where the management layer has prices."""

from typing import Final

from boards import board
from boards.panels import About, Column, Look, Panel, Query, rows

_IN: Final = board.IN
_EACH: Final = f"max by (cloud, flavor, resource) (stratoscope_management_flavor_cost_per_hour{{{_IN}}})"
_COST: Final = f"sum by (cloud, flavor) ({_EACH})"
_VMS: Final = f"max by (cloud, flavor) (stratoscope_management_flavor_vms{{{_IN}}})"
_DEAREST: Final = f"topk(50, {_COST} * on (cloud, flavor) ({_VMS}) or on (cloud, flavor) 0 * {_COST})"
_IS_SHOWN: Final = f"and on (cloud, flavor) {_DEAREST}"


def flavors() -> Panel:
    """What a VM of each flavor costs, and all that there are."""
    good = (
        "As it was agreed. In the cloud's own unit of cost, for an hour: CPUs, memory and disk, of what has a"
        " price. The flavors on which most is spent are first; VMs count whether they run or not."
    )
    number = Look(unit="none")
    columns = [
        Column("cloud", "Cloud"),
        Column("flavor", "Flavor"),
        Column("Value #A", "All its VMs, an hour", number),
        Column("Value #B", "A VM, an hour", number),
        Column("Value #C", "VMs", number),
    ]
    queries = [Query(f"sort_desc({_DEAREST})"), *(Query(f"{one} {_IS_SHOWN}") for one in (_COST, _VMS))]
    about = About("What flavors cost", good, empty="the management layer has no prices.")
    return rows(about, columns, *queries)
