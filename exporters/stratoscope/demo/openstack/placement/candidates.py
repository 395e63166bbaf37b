"""Which hosts could take what is asked for: GET /allocation_candidates, without groups and nesting."""

from typing import Final, NamedTuple

from stratoscope.demo.openstack.asking import Ask, Json, RefusalError
from stratoscope.demo.openstack.placement.resources import CLASSES, capacities, most, traits, uses
from stratoscope.demo.openstack.things import Host

_LIMITED_SINCE: Final = 16


class _Wanted(NamedTuple):
    amounts: dict[str, int]
    required: frozenset[str]
    forbidden: frozenset[str]
    aggregates: frozenset[str]


def candidates(ask: Ask) -> Json:
    """The answer: a request for every host with room, and what there is on each.

    Raises:
        RefusalError: In Placement's words.
    """
    wanted = _wanted(ask)
    limit = ask.query.get("limit")
    if limit is not None and not ask.since(_LIMITED_SINCE):
        raise unexpected("limit")
    hosts = [host for host in ask.world.hosts.values() if _has(host, wanted)]
    hosts = hosts[: int(limit) if limit is not None else None]
    return {
        "allocation_requests": [_request(ask, host, wanted.amounts) for host in hosts],
        "provider_summaries": {host.node_id: _summary(ask, host, wanted.amounts) for host in hosts},
    }


def _wanted(ask: Ask) -> _Wanted:
    said = ask.query.get("resources")
    if said is None:
        raise RefusalError(400, "There must be at least one resources or resources[$S] parameter.  ")
    amounts = {}
    for part in said.split(","):
        name, _, number = part.partition(":")
        if name not in CLASSES:
            text = f"Invalid resource class in resources parameter: No such resource class {name}.  "
            raise RefusalError(400, text)
        amounts[name] = int(number)
    named = frozenset(trait for text in ask.query.getall("required", ()) for trait in text.split(","))
    forbidden = frozenset(trait[1:] for trait in named if trait.startswith("!"))
    aggregates = frozenset(
        one for text in ask.query.getall("member_of", ()) for one in text.removeprefix("in:").split(",")
    )
    required = frozenset(trait for trait in named if not trait.startswith("!"))
    return _Wanted(amounts, required, forbidden, aggregates)


def _has(host: Host, wanted: _Wanted) -> bool:
    own, capacity, used, largest = traits(host), capacities(host), uses(host), most(host)
    if not wanted.required <= own or wanted.forbidden & own:
        return False
    if wanted.aggregates and not any(one.aggregate_id in wanted.aggregates for one in host.aggregates):
        return False
    return all(
        name in capacity and number <= largest[name] and used[name] + number <= capacity[name]
        for name, number in wanted.amounts.items()
    )


def _request(ask: Ask, host: Host, amounts: dict[str, int]) -> Json:
    shown: Json = {"allocations": {host.node_id: {"resources": amounts}}}
    if not ask.since(12):
        shown = {"allocations": [{"resource_provider": {"uuid": host.node_id}, "resources": amounts}]}
    return shown | ({"mappings": {"": [host.node_id]}} if ask.since(34) else {})


def _summary(ask: Ask, host: Host, amounts: dict[str, int]) -> Json:
    used = uses(host)
    resources = {
        name: {"capacity": capacity, "used": used[name]}
        for name, capacity in capacities(host).items()
        if ask.since(27) or name in amounts
    }
    shown: Json = {"resources": resources}
    if ask.since(17):
        shown["traits"] = sorted(traits(host))
    if ask.since(29):
        shown |= {"parent_provider_uuid": None, "root_provider_uuid": host.node_id}
    return shown


def unexpected(name: str) -> RefusalError:
    """What is said of a query parameter that is not known."""
    text = (
        f"Invalid query string parameters: Additional properties are not allowed ({name!r} was unexpected)  "
    )
    return RefusalError(400, text)
