"""Makes the calls of calls.py, of a real OpenStack as of the embedded one."""

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from demo.calls import Call

TIMEOUT_S = 60
_MICROVERSIONED = {"compute": "compute", "placement": "placement", "block-storage": "volume"}


class Answer(NamedTuple):
    """Attributes: headers: Names and values, in their order."""

    status: int
    headers: Sequence[tuple[str, str]]
    content: bytes

    @property
    def body(self) -> object:
        """From JSON, or the text."""
        try:
            return json.loads(self.content)
        except ValueError:
            return self.content.decode()


@dataclass
class Asked:
    """A cloud that can be asked.

    Attributes:
        roots: URL of each service, without version.
        endpoints: What follows it in the catalogue.
        tokens: By cloud of clouds.yaml.
        values: Of the placeholders; `own_project` by cloud in `projects`.
    """

    roots: Mapping[str, str]
    endpoints: Mapping[str, str]
    tokens: Mapping[str, str]
    values: Mapping[str, str] = field(default_factory=dict)
    projects: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, cloud: str, service: str, path: str, version: str = "") -> Answer:
        """The answer to a plain GET."""
        return self.make(Call(cloud, service, path, version))

    def make(self, call: Call) -> Answer:
        """The answer to a call."""
        values = {**self.values, "own_project": self.projects.get(call.cloud, "")}
        path = str(_filled(call.path, values))
        is_root = path.startswith("^")
        url = self.roots[call.service] + (
            path[1:] if is_root else self.endpoints.get(call.service, "") + path
        )
        headers = {"Accept": "application/json"}
        if call.cloud:
            headers["X-Auth-Token"] = self.tokens[call.cloud]
        if call.version:
            headers["OpenStack-API-Version"] = f"{_MICROVERSIONED[call.service]} {call.version}"
        body = None
        if call.body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(_filled(call.body, values))
        return _send(call.method, url, headers, body)


def _send(method: str, url: str, headers: Mapping[str, str], body: str | None) -> Answer:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
    try:
        connection.request(
            method, f"{parts.path}{'?' + parts.query if parts.query else ''}", body, dict(headers)
        )
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


def log_in(url: str, user: str, password: str, project: str) -> tuple[str, str]:
    """A token, and the project's id."""
    who = {"name": user, "domain": {"name": "Default"}, "password": password}
    scope = {"project": {"name": project, "domain": {"name": "Default"}}}
    identity = {"methods": ["password"], "password": {"user": who}}
    body = json.dumps({"auth": {"identity": identity, "scope": scope}})
    answer = _send("POST", f"{url}/v3/auth/tokens", {"Content-Type": "application/json"}, body)
    token = json.loads(answer.content)["token"]
    return dict(answer.headers)["X-Subject-Token"], token["project"]["id"]


def _filled(value: object, values: Mapping[str, str]) -> object:
    """The value with all placeholders filled in."""
    if isinstance(value, str):
        for name, text in values.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, dict):
        return {key: _filled(one, values) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, values) for one in value]
    return value
