"""The front of Placement: versions, microversions, and how it says no. For administrators."""

import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Final

from stratoscope.demo.openstack.asking import EARLY, Answer, Ask, Json, RefusalError
from stratoscope.demo.openstack.placement.candidates import candidates, unexpected
from stratoscope.demo.openstack.placement.resources import (
    CLASSES,
    amounts,
    amounts_of,
    inventories,
    traits,
    uses,
)
from stratoscope.demo.openstack.service import Handler, Route, Service
from stratoscope.demo.openstack.texts import http_date
from stratoscope.demo.openstack.things import NOTHING, Host, Migration, Project, Resources, User

_EXPLAINED: Final = {
    400: "The server could not comply with the request since it is either malformed or otherwise incorrect.",
    403: "Access was denied to this resource.",
    404: "The resource could not be found.",
    406: "The resource could not be generated that was acceptable to your browser (content of type "
    "application/json. ",
}
"""What webob says of each status, before Placement's own words."""
_QUERY: Final = {"name": 0, "uuid": 0, "member_of": 3, "resources": 4, "in_tree": 14, "required": 18}
"""Query parameters of the list of providers, and the microversion that has brought each."""


class Placement(Service):
    """Resource providers: one for each host, none nested or shared."""

    kind, name, prefix = "placement", "placement", "/placement"
    newest = 39

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "", self._versions, is_open=True)
        yield Route("GET", "/", self._versions, is_open=True)
        rules: tuple[tuple[str, str, int, Handler], ...] = (
            ("/resource_providers", "resource_providers:list", 0, self._providers),
            ("/resource_providers/{rp}", "resource_providers:show", 0, self._provider),
            (
                "/resource_providers/{rp}/inventories",
                "resource_providers:inventories:list",
                0,
                self._inventories,
            ),
            (
                "/resource_providers/{rp}/inventories/{name}",
                "resource_providers:inventories:show",
                0,
                self._inventory,
            ),
            ("/resource_providers/{rp}/usages", "resource_providers:usages", 0, self._usages),
            (
                "/resource_providers/{rp}/aggregates",
                "resource_providers:aggregates:list",
                1,
                self._aggregates,
            ),
            ("/resource_providers/{rp}/traits", "resource_providers:traits:list", 6, self._traits_of),
            (
                "/resource_providers/{rp}/allocations",
                "resource_providers:allocations:list",
                0,
                self._allocations_of,
            ),
            ("/allocations/{consumer}", "allocations:list", 0, self._allocations),
            ("/allocation_candidates", "allocation_candidates:list", 10, self._candidates),
            ("/traits", "traits:list", 6, self._traits),
            ("/resource_classes", "resource_classes:list", 2, self._classes),
        )
        for path, rule, since, handler in rules:
            yield Route("GET", path, _guarded(handler, rule, since))
        yield Route("GET", "/usages", self._usages_of_project)

    def negotiate(self, ask: Ask) -> None:
        said = ask.request.headers.get("OpenStack-API-Version", "").lower().strip()
        version = said.removeprefix("placement").strip() if said.startswith("placement") else "1.0"
        if version == "latest":
            ask.minor = self.newest
            return
        match = re.fullmatch(r"(\d+)\.(\d+)", version)
        if match is None:
            raise RefusalError(
                400,
                f"Invalid microversion: invalid version string: {version}; invalid literal for int() with "
                f"base 10: {version!r}  ",
                EARLY,
            )
        if match[1] != "1" or int(match[2]) > self.newest:
            text = f"Invalid microversion: Unacceptable version header: {version}"
            raise RefusalError(406, text, EARLY)
        ask.minor = int(match[2])

    def refusal(self, ask: Ask, error: RefusalError) -> Answer:
        said: Json = {
            "status": error.status,
            "title": HTTPStatus(error.status).phrase,
            "detail": f"{_EXPLAINED.get(error.status, HTTPStatus(error.status).phrase)}\n\n {error.message}",
        }
        if ask.since(23):
            said["code"] = "placement.undefined_code"
        said["request_id"] = ask.request_id
        if error.status == HTTPStatus.NOT_ACCEPTABLE:
            said |= {"max_version": f"1.{self.newest}", "min_version": "1.0"}
        answer = Answer({"errors": [said]}, error.status)
        answer.is_early = error.kind == EARLY
        return answer

    def unknown(self, ask: Ask) -> Answer:
        return self.refusal(ask, RefusalError(404, "  ", EARLY))

    def headers(self, ask: Ask, answer: Answer) -> None:
        knows_version = answer.status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_ACCEPTABLE)
        if knows_version and not (answer.is_early and answer.status == HTTPStatus.BAD_REQUEST):
            answer.headers["openstack-api-version"] = f"placement 1.{ask.minor}"
            if not answer.is_early:
                answer.headers["vary"] = "openstack-api-version"
        if ask.since(15) and answer.status == HTTPStatus.OK:
            answer.headers["Last-Modified"] = http_date(ask.now)
            answer.headers["Cache-Control"] = "no-cache"
        super().headers(ask, answer)

    def _versions(self, ask: Ask) -> Answer:  # noqa: ARG002 - the same for all
        version: Json = {
            "id": "v1.0",
            "max_version": f"1.{self.newest}",
            "min_version": "1.0",
            "status": "CURRENT",
            "links": [{"rel": "self", "href": ""}],
        }
        return Answer({"versions": [version]})

    # -- Providers ---------------------------------------------------------------------------------

    def _providers(self, ask: Ask) -> Answer:
        for name in ask.query:
            if not ask.since(_QUERY.get(name, self.newest + 1)):
                raise unexpected(name)
        chosen = [host for host in self.world.hosts.values() if _is_wanted(ask, host)]
        return Answer({"resource_providers": [_provider(ask, host) for host in chosen]})

    def _provider(self, ask: Ask) -> Answer:
        return Answer(_provider(ask, self._host(ask)))

    def _inventories(self, ask: Ask) -> Answer:
        host = self._host(ask)
        return Answer({"resource_provider_generation": host.generation, "inventories": inventories(host)})

    def _inventory(self, ask: Ask) -> Answer:
        host, name = self._host(ask), ask.args["name"]
        found = inventories(host).get(name)
        if found is None:
            raise RefusalError(404, f"No inventory of class {name} for {host.node_id}  ")
        return Answer({**found, "resource_provider_generation": host.generation})

    def _usages(self, ask: Ask) -> Answer:
        host = self._host(ask)
        return Answer({"resource_provider_generation": host.generation, "usages": uses(host)})

    def _aggregates(self, ask: Ask) -> Answer:
        host = self._host(ask)
        shown: Json = {"aggregates": [aggregate.aggregate_id for aggregate in host.aggregates]}
        if ask.since(19):
            shown["resource_provider_generation"] = host.generation
        return Answer(shown)

    def _traits_of(self, ask: Ask) -> Answer:
        host = self._host(ask)
        return Answer({"traits": sorted(traits(host)), "resource_provider_generation": host.generation})

    def _allocations_of(self, ask: Ask) -> Answer:
        host = self._host(ask)
        more = {"consumer_generation": 1} if ask.since(28) else {}
        shown = {consumer: {"resources": amounts(held), **more} for consumer, held in host.claims.items()}
        return Answer({"allocations": shown, "resource_provider_generation": host.generation})

    def _host(self, ask: Ask) -> Host:
        for host in self.world.hosts.values():
            if host.node_id == ask.args["rp"]:
                return host
        raise RefusalError(404, f"No resource provider with uuid {ask.args['rp']} found  ", EARLY)

    # -- Consumers ---------------------------------------------------------------------------------

    def _allocations(self, ask: Ask) -> Answer:
        consumer = ask.args["consumer"]
        held = {
            host.node_id: {"resources": amounts(host.claims[consumer]), "generation": host.generation}
            for host in self.world.hosts.values()
            if consumer in host.claims
        }
        shown: Json = {"allocations": held}
        if held and ask.since(12):
            project, user = self._owner(consumer)
            shown |= {"project_id": project.project_id, "user_id": user.user_id}
            if ask.since(28):
                shown["consumer_generation"] = 1
            if ask.since(38):
                shown["consumer_type"] = "unknown"
        return Answer(shown)

    def _owner(self, consumer: str) -> tuple[Project, User]:
        thing = self.world.migrations.get(consumer) or self.world.vms.get(consumer)
        vm = thing.vm if isinstance(thing, Migration) else thing
        if vm is None:
            raise RefusalError(404, f"No such consumer {consumer}")
        return vm.project, vm.user

    def _usages_of_project(self, ask: Ask) -> Answer:
        wanted = ask.query.get("project_id")
        if not ask.since(9):
            raise RefusalError(404, "  ")
        if not ask.who.is_admin and wanted != ask.who.project_id:
            raise _disallowed("usages")
        if wanted is None:
            raise RefusalError(400, "Invalid query string parameters: 'project_id' is a required property  ")
        user_id = ask.query.get("user_id")
        total, consumers = NOTHING, 0
        for host in self.world.hosts.values():
            for consumer, held in host.claims.items():
                project, user = self._owner(consumer)
                if project.project_id == wanted and user_id in (None, user.user_id):
                    total, consumers = total.plus(held), consumers + 1
        return Answer({"usages": _by_type(total, consumers) if ask.since(38) else amounts_of(total)})

    # -- Everything --------------------------------------------------------------------------------

    def _candidates(self, ask: Ask) -> Answer:
        return Answer(candidates(ask))

    def _traits(self, ask: Ask) -> Answer:
        known = {trait for host in self.world.hosts.values() for trait in host.traits}
        prefix = ask.query.get("name", "").removeprefix("startswith:")
        return Answer({"traits": sorted(trait for trait in known if trait.startswith(prefix))})

    def _classes(self, ask: Ask) -> Answer:  # noqa: ARG002 - the same for all
        return Answer(
            {
                "resource_classes": [
                    {"name": name, "links": [{"rel": "self", "href": f"/resource_classes/{name}"}]}
                    for name in CLASSES
                ]
            }
        )


def _guarded(handler: Handler, rule: str, since: int) -> Callable[[Ask], Answer]:
    """The handler for administrators, from a microversion on."""

    def guarded(ask: Ask) -> Answer:
        if not ask.since(since):
            raise RefusalError(404, "  ")
        if not ask.who.is_admin:
            raise _disallowed(rule)
        return handler(ask)

    return guarded


def _disallowed(rule: str) -> RefusalError:
    return RefusalError(403, f"Policy does not allow placement:{rule} to be performed.  ", EARLY)


def _is_wanted(ask: Ask, host: Host) -> bool:
    query = ask.query
    if host.name != query.get("name", host.name) or host.node_id != query.get("uuid", host.node_id):
        return False
    if host.node_id != query.get("in_tree", host.node_id):
        return False
    if (wanted := query.get("member_of")) is not None:
        ids = wanted.removeprefix("in:").split(",")
        return any(aggregate.aggregate_id in ids for aggregate in host.aggregates)
    return True


def _provider(ask: Ask, host: Host) -> Json:
    here = f"/resource_providers/{host.node_id}"
    parts = (("inventories", 0), ("usages", 0), ("aggregates", 1), ("traits", 6), ("allocations", 11))
    links = [{"rel": "self", "href": here}]
    links += [{"rel": part, "href": f"{here}/{part}"} for part, since in parts if ask.since(since)]
    shown: Json = {"uuid": host.node_id, "name": host.name, "generation": host.generation, "links": links}
    if ask.since(14):
        shown |= {"parent_provider_uuid": None, "root_provider_uuid": host.node_id}
    return shown


def _by_type(total: Resources, consumers: int) -> Json:
    """Usages by type of consumer: Nova has given them none."""
    if not consumers:
        return {}
    return {"unknown": {**amounts_of(total), "consumer_count": consumers}}
