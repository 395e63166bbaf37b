"""The section `access`: what is wrong in it is named, with what is allowed."""

import re

import pytest

from stratoscope.core.config import shown
from stratoscope.core.errors import ConfigError
from stratoscope.core.web.asking.settings import AccessSettings
from stratoscope.core.web.routes import roles_of
from support.asking import WHOAMI, access_settings, sha256

PROXY = {"addresses": ["127.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32"], "user_header": "X-Forwarded-User"}
TOKEN = {"name": "ci", "sha256": sha256("x"), "roles": ["editor"], "expires": "2027-01-01T00:00:00Z"}

BAD: dict[str, tuple[dict[str, object], str]] = {
    "key": ({"users": {}}, "access.users: unknown key; allowed: roles, trusted_proxy, tokens"),
    "no addresses": (
        {"trusted_proxy": {**PROXY, "addresses": []}},
        "access.trusted_proxy.addresses: empty; allowed: addresses and networks such as 10.0.0.0/24",
    ),
    "host bits": (
        {"trusted_proxy": {**PROXY, "addresses": ["10.0.0.1/8"]}},
        "access.trusted_proxy.addresses: 10.0.0.1/8: it has host bits set; allowed: such as 127.0.0.1,",
    ),
    "no address": (
        {"trusted_proxy": {**PROXY, "addresses": ["proxy.example"]}},
        "access.trusted_proxy.addresses: proxy.example: neither an address nor a network; allowed: ",
    ),
    "everybody's address": (
        {"trusted_proxy": {**PROXY, "addresses": ["::1", "0.0.0.0/0"]}},
        "access.trusted_proxy.addresses: 0.0.0.0/0: it is everybody's; allowed: ",
    ),
    "address of IPv4 in one of IPv6": (
        {"trusted_proxy": {**PROXY, "addresses": ["::ffff:10.0.0.1"]}},
        "access.trusted_proxy.addresses: ::ffff:10.0.0.1: no client has that address, but the one of",
    ),
    "address twice": (
        {"trusted_proxy": {**PROXY, "addresses": ["::1", "::1"]}},
        "access.trusted_proxy.addresses: ::1 stands twice; allowed: once",
    ),
    "no user's header": (
        {"trusted_proxy": {"addresses": ["::1"]}},
        "access.trusted_proxy.user_header: missing",
    ),
    "header that is none": (
        {"trusted_proxy": {**PROXY, "user_header": "X User"}},
        "access.trusted_proxy.user_header: 'X User' is no header of a proxy; allowed: such as X-",
    ),
    "header of a client": (
        {"trusted_proxy": {**PROXY, "groups_header": "Authorization"}},
        "access.trusted_proxy.groups_header: 'Authorization' is no header of a proxy; allowed: ",
    ),
    "same header": (
        {"trusted_proxy": {**PROXY, "groups_header": "x-forwarded-user"}},
        "access.trusted_proxy.groups_header: the same as user_header; allowed: another one",
    ),
    "hash": (
        {"tokens": [{**TOKEN, "sha256": "secret"}]},
        "access.tokens[0].sha256: no SHA-256; allowed: 64 hexadecimal digits",
    ),
    "token's name": (
        {"tokens": [{**TOKEN, "name": " "}]},
        "access.tokens[0].name: ' ' is no name; allowed: printable characters",
    ),
    "token's roles": (
        {"tokens": [{**TOKEN, "roles": ["editor", "editor"]}]},
        "access.tokens[0].roles: editor stands twice; allowed: once",
    ),
    "time without a zone": (
        {"tokens": [{**TOKEN, "expires": "2027-01-01T00:00:00"}]},
        "access.tokens[0].expires: '2027-01-01T00:00:00' is no moment; allowed: such as 2027-01-01T00:00:00Z",
    ),
    "no time": (
        {"tokens": [{**TOKEN, "expires": "soon"}]},
        "access.tokens[0].expires: 'soon' is no moment; allowed: such as 2027-01-01T00:00:00Z",
    ),
    "token's name twice": (
        {"tokens": [TOKEN, {**TOKEN, "sha256": sha256("y")}]},
        "access.tokens: the name ci stands twice; allowed: once",
    ),
    "hash twice": (
        {"tokens": [TOKEN, {**TOKEN, "name": "cd", "sha256": sha256("x").upper()}]},
        "access.tokens: two with the same sha256; allowed: each once",
    ),
    "user twice": (
        {"roles": {"editor": ["alice", "alice"]}},
        "access.roles: editor: alice stands twice; allowed: once",
    ),
    "user without a name": (
        {"roles": {"editor": [""]}},
        "access.roles: editor: '' is no name; allowed: printable characters",
    ),
    "group without a name": (
        {"roles": {"editor": ["group:"]}, "trusted_proxy": {**PROXY, "groups_header": "X-Groups"}},
        "access.roles: editor: '' is no name; allowed: printable characters",
    ),
    "group without a proxy": (
        {"roles": {"editor": ["group:ops"]}},
        "access.roles: editor: group:ops needs trusted_proxy.groups_header; allowed: users",
    ),
    "group without a header": (
        {"roles": {"editor": ["group:ops"]}, "trusted_proxy": PROXY},
        "access.roles: editor: group:ops needs trusted_proxy.groups_header; allowed: users",
    ),
}


@pytest.mark.parametrize(("given", "said"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_named(given: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(said)}") as raised:
        access_settings(**given)
    assert "secret" not in str(raised.value)


def test_what_is_right_is_taken_and_no_hash_shown() -> None:
    groups = {**PROXY, "groups_header": "X-Forwarded-Groups"}
    roles = {"editor": ["alice", "group:ops"], "viewer": []}
    settings = access_settings(roles=roles, trusted_proxy=groups, tokens=[TOKEN])
    settings.check_roles(roles_of(WHOAMI), "downtime.access")
    assert sha256("x") not in shown(settings)
    assert "sha256: <secret>" in shown(settings)
    assert access_settings() == AccessSettings()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"roles": {"editr": ["alice"]}},
            "downtime.access.roles.editr: unknown key; allowed: editor, viewer",
        ),
        (
            {"tokens": [{**TOKEN, "roles": ["editor", "admin"]}]},
            "downtime.access.tokens[0].roles: unknown: admin; allowed: editor, viewer",
        ),
    ],
)
def test_role_that_no_route_knows_is_named(given: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(said)}$"):
        access_settings(**given).check_roles(roles_of(WHOAMI), "downtime.access")


@pytest.mark.parametrize(
    ("roles", "others", "users", "warned"),
    [
        ({"editor": ["alice"]}, {}, ["alice"], []),
        ({"editor": ["alice", "alcie"]}, {}, ["alice"], ["alcie"]),
        ({"editor": ["alice"]}, {}, [], []),
        ({"editor": ["alice", "token:ci"]}, {"tokens": [TOKEN]}, [], ["alice", "token:ci"]),
        ({"editor": ["bob"]}, {"trusted_proxy": PROXY}, ["alice"], []),
    ],
)
def test_a_user_with_a_role_as_whom_nobody_can_log_in_is_warned_of(
    roles: dict[str, list[str]], others: dict[str, object], users: list[str], warned: list[str]
) -> None:
    settings = access_settings(roles=roles, **others)
    assert settings.warnings(users) == [
        f"{name} has the role editor, but is no user of the web configuration: nobody can log in so"
        for name in warned
    ]
