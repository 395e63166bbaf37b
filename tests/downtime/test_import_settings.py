"""The key `imports`: what is wrong is one line that names the key and what is allowed."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from stratoscope.core.errors import ConfigError
from stratoscope.downtime.imports.settings import Import, imports
from support.certificates import Authority

GOCDB = "https://gocdb.example.org/gocdbpi/public/?method=get_downtime"
PLAIN = GOCDB.replace("https:", "http:")


def entry(**keys: Any) -> dict[str, Any]:
    """An entry in which some keys are others; None leaves one out."""
    given = {
        "name": "egi", "kind": "gocdb", "url": GOCDB,
        "mapping": [{"host": "ce01.example.org", "labels": {"host": "n1"}}],
    } | keys  # fmt: skip
    return {key: value for key, value in given.items() if value is not None}


def one(**keys: Any) -> Import:
    return imports([entry(**keys)])[0]


def test_defaults() -> None:
    found = one()
    assert (found.source, found.interval, found.silences) == ("gocdb:egi", 900, "scheduled_outages")
    assert (found.mapping[0].service, found.headers()) == ("*", {})
    assert found.address() == URL(GOCDB)
    assert found.tls().verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ({"name": "e gi"}, "name: "),
        ({"kind": "ical"}, "kind: unknown: ical; allowed: "),
        ({"url": None}, "url: expected either url or url_file"),
        ({"url_file": "/etc/secret"}, "url: expected either url or url_file"),
        ({"interval": "10s"}, "interval: 10s; allowed: 1m at least"),
        ({"zone": "Europe/Berlin"}, "zone: means nothing for gocdb; allowed: for icalendar"),
        (
            {"kind": "icalendar", "zone": "Europe/Berln"},
            "zone: unknown time zone 'Europe/Berln'; allowed: Europe/Berlin",
        ),
        ({"mapping": None}, "mapping: missing or empty; allowed: entries with host, service and labels"),
        ({"mapping": [{"host": "ce01"}]}, "mapping[0].labels: missing"),
        ({"mapping": [{"host": "", "labels": {"host": "n1"}}]}, "mapping[0].host: "),
        ({"mapping": [{"labels": {}}]}, "mapping[0].labels: 0 matchers; allowed: 1 to 10"),
        ({"mapping": [{"labels": {"host": "n\x1b1"}}]}, "mapping[0].labels: 'n\\x1b1' is no value"),
        ({"mapping": [{"labels": {"hots": "n1"}}]}, "mapping[0].labels: unknown label hots; allowed: host?"),
        ({"mapping": [{"labels": {"host": ""}}]}, 'mapping[0].labels: {host=""} matches an alert that lacks'),
        ({"silences": "some"}, "silences: unknown: some; allowed: scheduled_outages, none, all"),
        (
            {"url": PLAIN, "ca_file": "/none"},
            "ca_file: does nothing, since url has http; allowed: with https",
        ),
        ({"password": "x"}, "password: unknown key; allowed: "),
    ],
)
def test_a_mistake_names_its_key(keys: dict[str, Any], error: str) -> None:
    with pytest.raises(ConfigError) as raised:
        one(**keys)
    assert str(raised.value).startswith(f"downtime.imports[0].{error}")


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://[", "no URL; allowed: http:// or https://"),
        ("file:///etc/passwd", "no URL of a server"),
        ("webcal://example.org/x.ics", "no URL of a server"),
        ("https://", "no URL of a server"),
        ("https://me:s3cr3t@gocdb.example.org/", "with a user or password; allowed: a token"),
        ("https://gocdb.example.org/", "no method of downtimes; allowed: method=get_downtime or method="),
        (f"{GOCDB}&next_cursor=4", "with next_cursor, which is set by this program; allowed: without it"),
        (
            f"{GOCDB}&ongoing_only=yes",
            "with ongoing_only, which leaves out downtimes that last or are to come",
        ),
    ],
)
def test_a_url_that_cannot_be_asked_is_refused_and_not_cited(url: str, error: str) -> None:
    with pytest.raises(ConfigError) as raised:
        one(url=url)
    assert str(raised.value).startswith(f"imports: egi: url: {error}")
    assert "s3cr3t" not in str(raised.value)


def test_a_name_stands_once() -> None:
    with pytest.raises(ConfigError, match=r"downtime.imports\[1\].name: egi stands twice; allowed: once"):
        imports([entry(), entry(kind="osg")])


def test_labels_of_the_configuration_may_be_mapped_to() -> None:
    assert imports([entry(mapping=[{"labels": {"team": "a"}}])], labels=["team"])


def test_a_secret_url_and_a_token_stand_in_files(tmp_path: Path) -> None:
    url, token = tmp_path / "url", tmp_path / "token"
    url.write_text("https://calendar.example.org/s3cr3t/basic.ics\n")
    token.write_text("t0ken\n")
    found = one(kind="icalendar", url=None, url_file=str(url), bearer_token_file=str(token))
    assert found.address() == URL("https://calendar.example.org/s3cr3t/basic.ics")
    assert found.headers() == {"Authorization": "Bearer t0ken"}
    assert "s3cr3t" not in repr(found)
    url.write_text("ftp://s3cr3t/")
    with pytest.raises(ConfigError, match=f"imports: egi: url_file: {url}: no URL of a server") as raised:
        found.address()
    assert "s3cr3t" not in str(raised.value)
    token.write_text("two words")
    with pytest.raises(ConfigError, match=r"bearer_token_file: .*expected one line without blanks"):
        found.headers()


@pytest.mark.parametrize("pem", ["", " ", "nothing", "\u00e9"])
def test_a_file_without_certificates_is_refused(tmp_path: Path, pem: str) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(pem)
    with pytest.raises(ConfigError, match=f"imports: egi: ca_file: {file}: no certificate in PEM"):
        one(ca_file=str(file))


def test_with_a_ca_file_its_cas_alone_are_trusted(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(Authority("site").certificate)
    names = [dict(pair[0] for pair in ca["subject"]) for ca in one(ca_file=str(file)).tls().get_ca_certs()]  # type: ignore[union-attr,misc,call-overload]  # its type is loose
    assert names == [{"commonName": "site"}]
