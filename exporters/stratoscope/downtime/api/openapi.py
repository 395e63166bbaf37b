"""`/api/v1/openapi.json`: the API in OpenAPI 3.1, from its routes and the types of bodies."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Final, TypeAlias

import msgspec
from aiohttp import web

from stratoscope.core.program import version
from stratoscope.core.web.routes import OPEN, Request, Role, Route
from stratoscope.downtime.api.operations import API, OPERATIONS, Operation
from stratoscope.downtime.query import label
from stratoscope.downtime.serving import service

Schema: TypeAlias = Mapping[str, Any]

_REFERENCE: Final = "#/components/schemas/{name}"
_VARIABLE: Final = re.compile(r"{(\w+)}")
_WORD: Final = re.compile(r"\w+")
_SECURITY: Final = {
    "basic": {"type": "http", "scheme": "basic"},
    "token": {"type": "http", "scheme": "bearer"},
}
_TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}
_ERRORS: Final = {
    400: "A parameter or a field is wrong: its name, and what is allowed.",
    401: "A log-in is needed, or is wrong.",
    403: "The asker does not have the role.",
    404: "There is no such thing.",
    409: "It cannot be done as things stand.",
    412: "Somebody has changed it since.",
    413: "The body is too large.",
    415: "The body is no JSON.",
    429: "Too many log-ins were wrong, or too much is asked for at once.",
    503: "The database cannot be used now, or too much is asked for at once.",
}


def openapi(routes: Sequence[Route]) -> Route:
    """The route of the document on these routes, which are those of the API, and on itself."""

    async def answer(request: Request) -> web.StreamResponse:
        """This document."""
        labels = tuple(service(request).labels)
        return web.Response(body=body(labels), content_type="application/json")

    @lru_cache(maxsize=1)
    def body(labels: Sequence[str]) -> bytes:
        return msgspec.json.encode(_document([*routes, own], labels))

    own = Route("GET", f"{API}/openapi.json", answer, OPEN)
    return own


def _document(routes: Iterable[Route], labels: Sequence[str]) -> Schema:
    """Args: labels: Those of the configuration."""
    paths: dict[str, dict[str, Schema]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, labels)
    _, components = _schemas()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stratoscope downtimes",
            "version": version(),
            "description": "All moments are Unix seconds. An error is one line of text.",
        },
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SECURITY},
    }


def _operation(route: Route, labels: Sequence[str]) -> Schema:
    of = OPERATIONS[f"{route.method} {route.path}"]
    doc = inspect.getdoc(route.answer) or ""
    role = f"Roles: {', '.join(route.who.names)}." if isinstance(route.who, Role) else "For everybody."
    operation: dict[str, Any] = {
        "summary": doc.partition("\n")[0],
        "description": role,
        "operationId": "_".join([route.method.lower(), *_WORD.findall(route.path.removeprefix(API))]),
        "security": [] if route.who is OPEN else [{name: []} for name in _SECURITY],
        "parameters": [*_parameters(route, of, labels)],
        "responses": _responses(route, of),
    }
    if of.takes is not None:
        schema = _schemas()[0][of.takes]
        content = {"application/json": {"schema": schema}}
        operation["requestBody"] = {"required": of.needs_body, "content": content}
    return operation


def _parameters(route: Route, of: Operation, labels: Sequence[str]) -> Iterator[Schema]:
    for name in _VARIABLE.findall(route.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    more = {name: label(name) for name in labels} if of.takes_labels else {}
    for where, named in (("query", {**more, **of.query}), ("header", of.headers)):
        for name, schema in named.items():
            yield {"name": name, "in": where, "schema": schema}


def _responses(route: Route, of: Operation) -> Schema:
    schema = {"type": "string"} if of.gives is str else _schemas()[0][of.gives]
    found: dict[str, Schema] = {
        str(of.status): {"description": of.means, "content": {of.content_type: {"schema": schema}}}
    }
    if "If-None-Match" in of.headers:
        found["304"] = {"description": "It still says what the asker has."}
    return found | {str(one): {"description": _ERRORS[one], "content": _TEXT} for one in _errors(route, of)}


def _errors(route: Route, of: Operation) -> Sequence[int]:
    found = {*of.errors}
    if route.who is not OPEN:
        found |= {401, 403, 429}
    if of.query or of.headers:
        found.add(400)
    if of.takes is not None:
        found |= {400, 413, 415}
    if _VARIABLE.search(route.path):
        found.add(404)
    return sorted(found)


@cache
def _schemas() -> tuple[Mapping[Any, Schema], Schema]:
    """The schema of each body by its type, and those that they refer to by name."""
    kinds = dict.fromkeys(
        kind for one in OPERATIONS.values() for kind in (one.takes, one.gives) if kind not in (None, str)
    )
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    return dict(zip(kinds, schemas, strict=True)), components
