"""Mistakes in an entry of `clouds:` for a management layer: one line with the key and what is allowed."""

from pathlib import Path
from typing import Final

import pytest
import yaml

from stratoscope.core.app import settings_of
from stratoscope.core.errors import ConfigError
from stratoscope.core.flags import Flags
from stratoscope.management import PROGRAM
from stratoscope.management.exporter import EXPORTER
from support import configs

SECRET: Final = "s3cr3t-word"  # noqa: S105 - of no account: no message may cite it
CLOUDS_YAML: Final = f"""
clouds:
  a:
    auth: {{auth_url: "http://keystone.invalid:5000/v3", username: u, password: {SECRET}, project_name: p,
      user_domain_name: d, project_domain_name: d}}
    region_name: one
"""
ONED: Final = "expected the URL of oned's XML-RPC, such as `https://one.example.org:2633/RPC2`"
HOOKS: Final = "such as [tcp://one.example.org:2101]"
HOOK: Final = "expected such as `tcp://one.example.org:2101`: host and port of a hook manager"
RABBITS: Final = "such as [amqps://rabbit.example.org:5671/nova]"
RABBIT: Final = "expected such as `amqps://rabbit.example.org:5671/nova`: host, port and virtual host alone"
DURATION: Final = "expected a duration such as `30s`, `1m30s` or `2h`, got "
TEXT: Final = "expected a text, got a "
HTTP: Final = "does nothing, since endpoint begins with http; allowed: with https"
AMQP: Final = "does nothing, since no URL begins with amqps; allowed: with amqps"
AT_RABBIT: Final = "urls: [amqp://r], credentials_file: FOLDER/login"

OF_OPENNEBULA: Final = [
    ("endpoint: one.example.org:2633", f"endpoint: {ONED}"),
    ("endpoint: http://one:99999/RPC2", f"endpoint: {ONED}"),
    ("endpoint: ''", f"endpoint: {ONED}"),
    ("endpoint: 2633", f"endpoint: {TEXT}whole number; quotes make it a text"),
    ("endpoint: [http://one:2633]", f"endpoint: {TEXT}list"),
    (f"endpoint: http://u:{SECRET}@one", "endpoint: a user or a password stands in it; ..."),
    ("endpont: http://one:2633", "endpont: unknown key; allowed: name, kind, endpoint, ..."),
    ("kind: opennebular", "kind: unknown: opennebular; allowed: libvirt, opennebula, openstack"),
    ("kind: OpenNebula", "kind: unknown: OpenNebula; allowed: libvirt, opennebula, openstack"),
    ("name: 7", "name: expected a text that is not empty, got a whole number; quotes make it a text"),
    ("credentials_file: ''", "credentials_file: missing; a file with the user's ..."),
    ("credentials_file: FOLDER/none", "credentials_file: FOLDER/none: No such file or directory"),
    ("credentials_file: FOLDER", "credentials_file: FOLDER: a directory; allowed: a regular file"),
    ("credentials_file: FOLDER/empty", "credentials_file: FOLDER/empty: no credential in it; allowed: ..."),
    ("endpoint: https://one, ca_file: FOLDER/none", "ca_file: FOLDER/none: No such file or directory"),
    ("endpoint: https://one, ca_file: FOLDER/login", "ca_file: FOLDER/login: not in PEM; allowed: ..."),
    ("endpoint: http://localhost, ca_file: FOLDER/login", "ca_file: FOLDER/login: not in PEM; allowed: ..."),
    ("ca_file: FOLDER/login", f"ca_file: {HTTP}"),
    ("cert_file: FOLDER/login", f"cert_file: {HTTP}"),
    ("endpoint: HTTP://one, key_file: FOLDER/login", f"key_file: {HTTP}"),
    ("budget: 5", "budget: expected a mapping, got a whole number; allowed: concurrency, ..."),
    ("budget: {timeout: 5}", f"budget.timeout: {DURATION}5"),
    ("budget: {timeout: 5 s}", f"budget.timeout: {DURATION}'5 s'"),
    ("budget: {timeout: ''}", f"budget.timeout: {DURATION}''"),
    ("budget: {concurrency: 0}", "budget.concurrency: expected a whole number >= 1, got 0"),
    ("budget: {concurrency: two}", "budget.concurrency: expected a whole number, got a text"),
    ("budget: {rps: 5}", "budget.rps: unknown key; allowed: concurrency, ..."),
    ("events: true", "events: expected a mapping, got a boolean; allowed: urls"),
    ("events: {}", f"events.urls: missing; allowed: {HOOKS}"),
    ("events: {urls: []}", f"events.urls: expected a list of length >= 1; allowed: {HOOKS}"),
    ("events: {urls: 'tcp://one:2101'}", f"events.urls: expected a list, got a text; allowed: {HOOKS}"),
    ("events: {urls: null}", f"events.urls: expected a list, got nothing; allowed: {HOOKS}"),
    ("events: {urls: [2101]}", f"events.urls[0]: {TEXT}whole number; quotes make it a text"),
    ("events: {urls: ['']}", f"events.urls: {HOOK}"),
    ("events: {urls: ['tcp://one']}", f"events.urls: {HOOK}"),
    ("events: {urls: ['tcp://one:99999']}", f"events.urls: {HOOK}"),
    ("events: {url: ['tcp://one:2101']}", "events.url: unknown key; allowed: urls"),
]  # fmt: skip
OF_OPENSTACK: Final = [
    ("kind: openstak", "kind: unknown: openstak; allowed: libvirt, opennebula, openstack"),
    ("auth_url: http://keystone", "auth_url: unknown key; allowed: name, kind, ..."),
    ("clouds_file: FOLDER/none", "clouds_file: FOLDER/none: No such file or directory"),
    ("clouds_file: [a]", f"clouds_file: {TEXT}list"),
    ("os_cloud: b", "os_cloud: unknown: b; allowed: a"),
    ("region: two", "region: unknown: two; allowed: one"),
    ("region: 5", f"region: {TEXT}whole number; quotes make it a text"),
    ("interface: publik", "interface: unknown: publik; allowed: public, internal, admin"),
    ("budget: {concurrency: 1000}", "budget.concurrency: expected a whole number <= 100, got 1000"),
    ("events: {}", f"events.urls: missing; allowed: {RABBITS}"),
    ("events: {urls: []}", f"events.urls: expected a list of length >= 1; allowed: {RABBITS}"),
    ("events: {urls: 'amqp://r'}", f"events.urls: expected a list, got a text; allowed: {RABBITS}"),
    ("events: {urls: ['']}", f"events.urls: {RABBIT}"),
    ("events: {urls: ['amqp://r:99999/']}", f"events.urls: {RABBIT}"),
    (f"events: {{urls: ['amqp://u:{SECRET}@r']}}", "events.urls: a user or a password stands in one; ..."),
    ("events: {urls: ['amqp://r']}", "events.credentials_file: missing; a file with the ..."),
    (f"events: {{{AT_RABBIT}, topic: ''}}", "events.topic: expected a text of length >= 1"),
    (f"events: {{{AT_RABBIT}, vhost: nova}}", "events.vhost: unknown key; allowed: urls, ..."),
    (f"events: {{{AT_RABBIT}, ca_file: FOLDER/none}}", f"events.ca_file: {AMQP}"),
    (f"events: {{{AT_RABBIT}, key_file: FOLDER/none}}", f"events.key_file: {AMQP}"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    configs.nothing_around(monkeypatch, tmp_path)


@pytest.mark.parametrize(
    ("kind", "wrong", "said"),
    [
        *(("opennebula", *one) for one in OF_OPENNEBULA),
        *(("openstack", *one) for one in OF_OPENSTACK),
    ],
)
def test_mistake_is_one_line_with_the_key_and_what_is_allowed(
    tmp_path: Path, kind: str, wrong: str, said: str
) -> None:
    for name, content in (("login", f"user:{SECRET}"), ("empty", ""), ("clouds.yaml", CLOUDS_YAML)):
        (tmp_path / name).write_text(content, encoding="utf-8")
    files = {
        "opennebula": {"endpoint": "http://one:2633/RPC2", "credentials_file": f"{tmp_path}/login"},
        "openstack": {"clouds_file": f"{tmp_path}/clouds.yaml"},
    }
    replaced = yaml.safe_load(f"{{{wrong}}}")
    good = {
        key: one for key, one in ({"name": "lab", "kind": kind} | files[kind]).items() if key not in replaced
    }
    rest = ", ".join(f"{key}: {one}" for key, one in good.items())
    entry = f"{{{rest}, {wrong.replace('FOLDER', str(tmp_path))}}}"
    (tmp_path / "stratoscope.yml").write_text(f"clouds: [{entry}]\n", encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        settings_of(EXPORTER, Flags.parse(PROGRAM, [f"--config.file={tmp_path}/stratoscope.yml"]))
    found = str(refused.value).removeprefix(f"{tmp_path}/stratoscope.yml: ")
    found = found.removeprefix("clouds[0].").removeprefix(f"clouds: lab/{kind}: ")
    said = said.replace("FOLDER", str(tmp_path))
    assert found == said or (said.endswith("...") and found.startswith(said.removesuffix("...")))
    assert found.isprintable()
    assert SECRET not in found
