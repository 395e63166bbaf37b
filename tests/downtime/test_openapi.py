"""The OpenAPI document: valid, complete, and true of what is answered."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from stratoscope.core.web.routes import OPEN, Role
from stratoscope.downtime.api.operations import API, OPERATIONS
from stratoscope.downtime.routes import ROUTES
from support.downtime_site import DRAFT, Site, downtimes
from support.stores import HOUR, NOW


async def document(site: Site) -> Any:
    return await site.json("GET", "/openapi.json")


def operation(found: Any, method: str, path: str) -> Any:
    return found["paths"][f"{API}{path}"][method.lower()]


def check(found: Any, schema: Any, value: object) -> None:
    """The value is as the schema says; unknown fields are none of it."""
    Draft202012Validator({**schema, "components": found["components"]}).validate(value)


async def test_the_document_is_valid_and_for_everybody(tmp_path: Path) -> None:
    async with downtimes(tmp_path, has_users=True) as site:
        answer = await site.ask("GET", "/openapi.json")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    found = msgspec.json.decode(answer.text)
    assert found["openapi"] == "3.1.0"
    assert [*OpenAPIV31SpecValidator(found).iter_errors()] == []


async def test_each_route_of_the_api_is_in_it_and_nothing_else(site: Site) -> None:
    """A new route needs an entry in `OPERATIONS`."""
    routes = {f"{one.method} {one.path}" for one in ROUTES if one.path.startswith(API)}
    assert {*OPERATIONS} == routes
    found = await document(site)
    assert {f"{method.upper()} {path}" for path, of in found["paths"].items() for method in of} == routes


async def test_it_says_who_may_ask_and_what_may_go_wrong(site: Site) -> None:
    found = await document(site)
    for route in ROUTES:
        if route.path.startswith(API):
            of = operation(found, route.method, route.path.removeprefix(API))
            assert of["summary"].endswith(".")
            assert (of["security"] == []) is (route.who is OPEN)
            assert {"401", "403"} <= {*of["responses"]} or route.who is OPEN
            assert isinstance(route.who, Role) is of["description"].startswith("Roles: ")
    change = operation(found, "PUT", "/downtimes/{id}")
    assert [(one["name"], one["in"]) for one in change["parameters"]] == [
        ("id", "path"),
        ("If-Match", "header"),
    ]
    assert sorted(change["responses"]) == [
        "200", "400", "401", "403", "404", "409", "412", "413", "415", "429", "503",
    ]  # fmt: skip
    assert "304" in operation(found, "GET", "/export/json")["responses"]


@pytest.mark.parametrize(
    "path", ["/downtimes", "/downtimes/{id}", "/export/json", "/export/gocdb", "/active"]
)
async def test_its_parameters_are_those_that_are_taken(site: Site, path: str) -> None:
    of = operation(await document(site), "GET", path)
    named = {one["name"] for one in of["parameters"] if one["in"] == "query"}
    refusal = (await site.ask("GET", f"{path.replace('{id}', 'a')}?nonsense=1")).text
    listed = refusal.partition("allowed: ")[2].partition(";")[0].partition(", of ")[0].strip()
    assert {*listed.split(", ")} == named


async def test_what_is_answered_is_as_it_says(site: Site) -> None:
    found = await document(site)
    draft = DRAFT | {"text": "a", "silences": True}
    one = await site.json("POST", "/downtimes", draft)
    for method, path, body in (
        ("POST", "/downtimes", DRAFT),
        ("PUT", "/downtimes/{id}", draft),
        ("POST", "/downtimes/{id}/extend", {"end": NOW + 9 * HOUR}),
        ("POST", "/downtimes/{id}/end", None),
        ("POST", "/downtimes/{id}/cancel", None),
        ("GET", "/downtimes/{id}", None),
        ("GET", "/downtimes", None),
        ("GET", "/active?host=n1", None),
        ("GET", "/counts", None),
        ("GET", "/export/json", None),
    ):
        of = operation(found, method, path.partition("?")[0])
        if body is not None:
            check(found, of["requestBody"]["content"]["application/json"]["schema"], body)
        answer = await site.ask(method, path.replace("{id}", one["id"]), body)
        content = of["responses"][str(answer.status)]["content"]["application/json"]
        value = msgspec.json.decode(answer.text)
        check(found, content["schema"], value)
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        if name:
            assert {*value} <= {*found["components"]["schemas"][name]["properties"]}


async def test_a_wrong_body_is_none_of_its_schema(site: Site) -> None:
    found = await document(site)
    schema = operation(found, "POST", "/downtimes")["requestBody"]["content"]["application/json"]["schema"]
    validator = Draft202012Validator({**schema, "components": found["components"]})
    assert not validator.is_valid(DRAFT | {"owner": "me"})
    assert not validator.is_valid(DRAFT | {"title": 5})
    assert not validator.is_valid({"title": "a"})


async def test_windows_and_hosts_are_answered_as_it_says(site: Site) -> None:
    found = await document(site)
    window = {
        "title": "backup", "matcher_sets": [["host=n1"]], "rrule": "FREQ=DAILY", "zone": "UTC",
        "first": "2027-01-15T08:00:00", "duration_s": HOUR,
    }  # fmt: skip
    one = await site.json("POST", "/windows", window)
    for method, path, body in (
        ("POST", "/windows", window),
        ("GET", "/windows", None),
        ("GET", "/windows/{id}", None),
        ("POST", "/windows/{id}/cancel", {"end_running": True}),
        ("PUT", "/hosts-off/{cloud}/{host}", {"until": NOW + 60, "reason": "saves power"}),
        ("GET", "/hosts-off", None),
        ("DELETE", "/hosts-off/{cloud}/{host}", None),
        ("DELETE", "/hosts-off/{cloud}/{host}", None),
    ):
        of = operation(found, method, path)
        if body is not None:
            check(found, of["requestBody"]["content"]["application/json"]["schema"], body)
        answer = await site.ask(method, path.format(id=one["id"], cloud="uni", host="n1"), body)
        content = of["responses"][str(answer.status)]["content"]["application/json"]
        check(found, content["schema"], msgspec.json.decode(answer.text))
    for method, path in (("POST", "/windows/{id}/cancel"), ("PUT", "/hosts-off/{cloud}/{host}")):
        assert operation(found, method, path)["requestBody"]["required"] is False
