"""The entry of `clouds:` for libvirt: URIs, hosts, and what tells the collectors of several URIs apart."""

import socket
from typing import Any

import pytest

from stratoscope.clouds.libvirt.config import LibvirtCloud, checked, is_in_process, is_local, without_start
from stratoscope.clouds.registry import entries
from stratoscope.core.errors import ConfigError


def cloud(**keys: Any) -> LibvirtCloud:
    (one,) = entries({"clouds": [{"name": "lab", "kind": "libvirt", **keys}]}, "libvirt", LibvirtCloud)
    return one


def test_the_machines_own_libvirt_is_the_default() -> None:
    assert cloud().uris == ["qemu:///system"]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"uri": []}, "uri: expected a libvirt URI such as `qemu:///system`, or a list of them"),
        ({"uri": ""}, "uri: : expected a libvirt URI such as `qemu:///system`"),
        ({"uri": "system"}, "uri: system: expected a libvirt URI such as `qemu:///system`"),
        ({"uri": "://system"}, "uri: ://system: expected a libvirt URI such as `qemu:///system`"),
        (
            {"uri": "qemu:///embed"},
            "uri: qemu:///embed: it would run the driver inside the exporter; use `qemu:///system`",
        ),
        *(
            (
                {"uri": f"qemu+tcp://{place}/system"},
                "uri: invalid host or port; allowed: a port from 1 to 65535, IPv6 in brackets",
            )
            for place in ("[::1", "::1", "node:99999", "node:port", "node:0", "me:sesame@node:port")
        ),
        (
            {"uri": "qmu:///system"},
            "uri: qmu:///system: unknown driver: qmu; allowed: bhyve, ch, esx, gsx, hyperv, lxc, openvz, ",
        ),
        (
            {"uri": "qemu+shh://node/system"},
            "uri: qemu+shh://node/system: unknown transport: shh; allowed: ext, libssh, libssh2, ssh, tcp, ",
        ),
        (
            {"uri": "qemu:///sytem"},
            "uri: qemu:///sytem: unknown path: /sytem; allowed: /system, /session",
        ),
        (
            {"uri": "qemu://node"},
            "uri: qemu://node: unknown path: none; allowed: /system, /session",
        ),
        (
            {"uri": ["qemu:///system", "esx://root:sesame@h/"]},
            "uri: libvirt reads no password from a URI; put it into libvirt's auth.conf",
        ),
        ({"uri": ["lxc:///", "lxc:///"]}, "uri: the same URI stands twice"),
        ({"host": ""}, "host: expected a text that is not empty"),
        (
            {"uri": ["qemu+ssh://a/system", "qemu+ssh://b/system"], "host": "a"},
            "host: the URIs lead to several hosts; make one entry of each",
        ),
    ],
)
def test_a_mistake_is_named(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        cloud(**keys)
    assert problem in str(error.value)
    assert "\n" not in str(error.value)
    assert "sesame" not in str(error.value)


def test_the_host_is_the_one_given_or_the_uris_or_this_machine() -> None:
    assert cloud(host="node1").host_of("qemu:///system") == "node1"
    assert cloud().host_of("qemu+tls://node2.example/system") == "node2.example"
    assert cloud().host_of("qemu:///system") == socket.gethostname()


@pytest.mark.parametrize(
    ("uris", "tags"),
    [
        (["qemu:///system"], [""]),
        (["qemu:///system", "lxc:///"], ["qemu", "lxc"]),
        (["qemu+tls://a/system", "qemu+tls://b/system"], ["a", "b"]),
        (["qemu:///system", "qemu:///session"], ["0", "1"]),
        (["qemu+tls://a/system", "qemu+tls://a/session", "lxc:///"], ["0", "1", "lxc"]),
    ],
)
def test_each_uri_of_a_cloud_has_its_own_tag(uris: list[str], tags: list[str]) -> None:
    one = cloud(uri=uris)
    assert [one.tag_of(uri) for uri in uris] == tags


def test_only_this_machines_daemon_is_local() -> None:
    assert is_local("qemu:///system")
    assert is_local("lxc+unix:///system?socket=/run/x")
    assert not is_local("qemu+ssh://node1/system")
    assert not is_local("test:///default")
    assert not is_local("test+unix:///default")


def test_only_the_mock_driver_without_a_daemon_is_in_this_process() -> None:
    assert is_in_process("test:///default")
    assert not is_in_process("test+unix:///default")
    assert not is_in_process("qemu:///system")


def test_a_uri_in_two_clouds_is_refused() -> None:
    clouds = [LibvirtCloud("a"), LibvirtCloud("b", uri=["lxc:///", "qemu:///system"])]
    with pytest.raises(ConfigError, match="qemu:///system stands in a and in b; a URI stands once"):
        checked(clouds)
    checked([LibvirtCloud("a"), LibvirtCloud("b", uri="lxc:///")])


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("qemu:///session", "qemu:///session"),
        ("qemu+ssh://node/system", "qemu+ssh://node/system"),
        ("qemu+ssh://node/session", "qemu+ssh://node/session?proxy=netcat"),
        ("qemu+libssh://me@node/session/", "qemu+libssh://me@node/session/?proxy=netcat"),
        ("qemu+libssh2://node/session?keyfile=/k", "qemu+libssh2://node/session?keyfile=/k&proxy=netcat"),
        ("qemu+ssh://node/session?proxy=netcat", "qemu+ssh://node/session?proxy=netcat"),
        ("qemu+tls://node/session", "qemu+tls://node/session"),
    ],
)
def test_session_over_ssh_is_reached_by_what_starts_no_daemon(uri: str, expected: str) -> None:
    assert without_start(uri) == expected


@pytest.mark.parametrize("proxy", ["native", "auto"])
def test_proxy_that_would_start_a_daemon_is_refused(proxy: str) -> None:
    with pytest.raises(ValueError, match="would start a daemon over there; allowed: proxy=netcat"):
        LibvirtCloud("uni", uri=f"qemu+ssh://node/session?proxy={proxy}")
