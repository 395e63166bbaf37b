"""What of an object's metadata or description is a mark, and what of a server's body depends on Nova."""

from dataclasses import replace
from math import inf
from typing import Any

import pytest

from stratoscope.clouds.errors import NotThereError
from stratoscope.clouds.lifecycle import Mark, Object, Phase, Resolved, Underway
from stratoscope.clouds.openstack.lifecycle.description import Description
from stratoscope.clouds.openstack.lifecycle.marks import (
    LONGEST_VALUE,
    description,
    mark_in,
    mark_in_description,
    metadata,
)
from stratoscope.clouds.openstack.lifecycle.ports import Port
from stratoscope.clouds.openstack.lifecycle.requests import is_named
from stratoscope.clouds.openstack.lifecycle.resolve import Flavor, Plan
from stratoscope.clouds.openstack.lifecycle.server import VERSIONS, Place, Server, ServerAnswer, body
from stratoscope.clouds.openstack.lifecycle.steps.floating_ip import FloatingIP
from stratoscope.clouds.openstack.lifecycle.steps.image import Image
from stratoscope.clouds.openstack.lifecycle.steps.volume import Volume
from stratoscope.core.config import decode
from support.openstack_vms import MARK, TAG

ANYWHERE = Place("", "")
FULL = metadata(MARK)
TEXT = description(MARK)
OLD = dict.fromkeys(VERSIONS, False)
NEW = dict.fromkeys(VERSIONS, True)


def without(*keys: str) -> dict[str, str]:
    return {key: value for key, value in FULL.items() if key.removeprefix("stratoscope_") not in keys}


# -- Marks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "mark"),
    [
        (FULL, MARK),
        (without("tag"), None),
        (without("run"), None),
        (without("probe"), replace(MARK, probe="")),
        (without("deadline"), replace(MARK, deadline=inf)),
        ({**FULL, "stratoscope_deadline": "1e9"}, replace(MARK, deadline=inf)),
    ],
)
def test_tag_and_run_make_a_mark_and_a_deadline_is_digits(values: dict[str, str], mark: Mark | None) -> None:
    assert mark_in(values) == mark


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        (TEXT, MARK),
        (TEXT.replace("deadline=2000000000", "deadline="), replace(MARK, deadline=inf)),
        (TEXT.replace("probe=boot", "probe="), replace(MARK, probe="")),
        (f"copy of {TEXT}", None),
        (f"{TEXT}\nand more", None),
        (TEXT.replace("deadline=2000000000", "deadline=soon"), None),
    ],
)
def test_description_is_a_mark_as_a_whole_or_not_at_all(text: str, mark: Mark | None) -> None:
    assert mark_in_description(text) == mark


def test_deadline_is_written_in_whole_seconds_and_long_values_are_cut() -> None:
    long = replace(MARK, probe="p" * 300, deadline=1999999999.7)
    assert metadata(long)["stratoscope_probe"] == "p" * LONGEST_VALUE
    assert metadata(long)["stratoscope_deadline"] == "2000000000"
    assert " deadline=2000000000 " in description(long)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Volume("v", "available", MARK.name, {**FULL}), Object("volume", "v", MARK.name, MARK)),
        (Volume("v", "available"), Object("volume", "v")),
        (Image("i", "active"), Object("image", "i")),
        (
            Image("i", "active", MARK.name, TAG, run=MARK.run),
            Object("image", "i", MARK.name, Mark(TAG, "", MARK.run, inf)),
        ),
        (FloatingIP("f", description=TEXT), Object("floatingip", "f", MARK.name, MARK)),
        (FloatingIP("f", description="web"), Object("floatingip", "f")),
        (FloatingIP("f"), Object("floatingip", "f")),
    ],
)
def test_object_has_the_name_and_the_mark_that_it_carries(found: Any, expected: Object) -> None:
    assert found.object == expected


# -- The request for a server ----------------------------------------------------------------------


def server(
    place: Place = ANYWHERE, knows: dict[str, bool] = OLD, mark: Mark = MARK, **described: Any
) -> dict[str, Any]:
    """The body of a request."""
    resolved = Resolved("i", Plan(Flavor("1", "tiny", 1, 512), "i", "n"))
    run = Underway(mark, resolved)
    wanted = decode(Description, {"flavor": "tiny", "image": "i", **described}, "vmprobe.probes[0]")
    return dict(body(wanted, run, place, knows)["server"])


def test_request_says_no_more_than_it_must() -> None:
    assert server() == {
        "name": MARK.name,
        "flavorRef": "1",
        "imageRef": "i",
        "networks": [{"uuid": "n"}],
        "metadata": FULL,
    }
    assert server(security_groups=["a", "b"])["security_groups"] == [{"name": "a"}, {"name": "b"}]
    assert server(key_name="k")["key_name"] == "k"


def test_server_boots_from_the_volume_of_the_run_which_nova_does_not_delete() -> None:
    plan = Plan(Flavor("1", "tiny", 1, 512), "i", None)
    run = Underway(MARK, Resolved("i", plan), objects={Phase.VOLUME_CREATED: Object("volume", "v")})
    shown = body(Description("tiny", "i"), run, ANYWHERE, OLD)["server"]
    assert (shown["networks"], "imageRef" in shown) == ("none", False)
    assert shown["block_device_mapping_v2"] == [
        {
            "source_type": "volume",
            "destination_type": "volume",
            "uuid": "v",
            "boot_index": 0,
            "delete_on_termination": False,
        }
    ]


@pytest.mark.parametrize(
    ("place", "knows", "expected"),
    [
        (ANYWHERE, NEW, (None, None)),
        (Place("z", ""), NEW, ("z", None)),
        (Place("z", ""), OLD, ("z", None)),
        (Place("z", "h"), NEW, ("z", "h")),
        (Place("", "h"), NEW, (None, "h")),
        (Place("z", "h"), OLD, ("z:h", None)),
        (Place("", "h"), OLD, (":h", None)),
    ],
)
def test_older_nova_gets_the_host_with_the_zone(
    place: Place, knows: dict[str, bool], expected: tuple[str | None, str | None]
) -> None:
    shown = server(place, knows)
    assert (shown.get("availability_zone"), shown.get("host")) == expected


@pytest.mark.parametrize(
    ("tag", "is_tag"),
    [("t", True), ("t" * 60, True), ("t" * 61, False), ("a/b", False), ("a,b", False), ("", False)],
)
def test_tag_is_one_of_novas_where_nova_takes_it(tag: str, is_tag: bool) -> None:
    mark = replace(MARK, tag=tag)
    assert server(knows=NEW, mark=mark).get("tags") == ([tag] if is_tag else None)
    assert "tags" not in server(mark=mark)


def test_description_is_cut_to_what_nova_takes() -> None:
    shown = server(knows=NEW, mark=replace(MARK, probe="p" * 300))["description"]
    assert shown == f"Created by the probe {'p' * 300}"[:LONGEST_VALUE]


# -- What is shown ---------------------------------------------------------------------------------


def test_floating_addresses_come_first_and_the_others_stay_in_order() -> None:
    networks = {
        "a": [{"addr": "10.0.0.1", "OS-EXT-IPS:type": "fixed"}, {"addr": "10.0.0.2"}],
        "b": [{"addr": "192.0.2.1", "OS-EXT-IPS:type": "floating"}],
    }
    shown = {"server": {"id": "vm", "status": "ACTIVE", "addresses": networks}}
    found: Server = decode(ServerAnswer, shown, "server").server
    assert found.all_addresses == ("192.0.2.1", "10.0.0.1", "10.0.0.2")


@pytest.mark.parametrize(
    ("status", "is_up"), [("ACTIVE", True), ("BUILD", False), ("DOWN", False), ("", False)]
)
def test_port_is_up_when_it_is_active(status: str, is_up: bool) -> None:
    assert Port("p", "vm", status=status).is_up is is_up


@pytest.mark.parametrize(
    ("one", "text", "is_it"),
    [
        ("ab-1", "No server ab-1 here", True),
        ("AB-1", "No server ab-1 here", True),
        ("ab-1", "No server AB-1 here", True),
        ("ab-1", "no route for /servers/ab-1", False),
        ("AB-1", "no route for /servers/ab-1", False),
        ("ab-1", "no route for /servers/AB-1", False),
        ("ab-1", "/servers/ab-1: no server ab-1", True),
        ("ab-1", "page not found", False),
    ],
)
def test_404_names_an_object_by_its_id_outside_of_a_path(one: str, text: str, is_it: bool) -> None:
    assert is_named(one, NotThereError(text)) is is_it
