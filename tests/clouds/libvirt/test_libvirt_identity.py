"""When definitions are read: once, and anew after an event, a restart, or when they are old."""

from dataclasses import replace

import libvirt
import pytest

from stratoscope.clouds.libvirt import identity as identity_module
from stratoscope.clouds.libvirt.connection import connect
from stratoscope.clouds.libvirt.identity import READ_ANEW_AFTER_S, Definition, Definitions, Identities, read
from stratoscope.clouds.libvirt.model import Identity
from support.fake_libvirt import FakeDaemon, FakeDomain, failure
from support.source import Clock


class Known:
    """Identities at a time of its own."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.identities = Identities(self.clock)

    def read(self, domains: dict[str, int], *, began: float | None = None) -> list[str]:
        """What was missing, and is read now."""
        missing = self.identities.missing(domains)
        began = self.clock() if began is None else began
        found = {
            uuid: Definition(domains[uuid], 0, Identity(vm_id=uuid, name=f"{uuid}-{self.clock():g}"))
            for uuid in missing
        }
        self.identities.learn(Definitions(found, 0, began))
        return missing


def test_each_definition_is_read_once() -> None:
    known = Known()
    assert known.read({"a": 1, "b": -1}) == ["a", "b"]
    assert known.read({"a": 1, "b": -1}) == []
    assert known.identities.known().keys() == {"a", "b"}


def test_a_domain_that_was_started_again_is_read_anew() -> None:
    known = Known()
    known.read({"a": 1, "b": 2})
    assert known.read({"a": 3, "b": 2}) == ["a"]


def test_a_domain_that_changed_is_read_anew_and_shown_until_then() -> None:
    known = Known()
    known.read({"a": 1, "b": 2})
    known.clock.time_s += 5
    known.identities.forget("a")
    assert known.identities.known()["a"].name == "a-1000"
    known.clock.time_s += 5
    assert known.read({"a": 1, "b": 2}) == ["a"]
    assert known.identities.known()["a"].name == "a-1010"
    assert known.read({"a": 1, "b": 2}) == []


def test_a_change_while_it_is_read_is_not_lost() -> None:
    known = Known()
    known.read({"a": 1})
    known.clock.time_s += 5
    known.identities.forget("a")
    assert known.read({"a": 1}, began=known.clock() - 1) == ["a"]
    assert known.read({"a": 1}) == ["a"]


def test_change_at_the_moment_of_reading_is_not_lost() -> None:
    known = Known()
    known.read({"a": 1})
    known.identities.forget("a")
    assert known.read({"a": 1}) == ["a"]


def test_definitions_of_one_age_are_read_anew_in_turn_and_before_they_are_too_old() -> None:
    known = Known()
    domains = {str(number): number for number in range(6)}
    known.read(domains)
    read_anew = []
    for _ in range(3):
        known.clock.time_s += 5
        read_anew.append(len(known.read(domains)))
    assert read_anew == [0, 0, 1]


def test_after_a_gap_in_the_events_all_are_read_anew() -> None:
    known = Known()
    known.read({"a": 1, "b": 2})
    known.clock.time_s += 1
    known.identities.forget_all()
    known.clock.time_s += 1
    assert known.read({"a": 1, "b": 2}) == ["a", "b"]
    assert known.read({"a": 1, "b": 2}) == []


def test_change_of_a_domain_that_is_read_for_the_first_time_is_not_lost() -> None:
    known = Known()
    daemon = FakeDaemon(FakeDomain("a"))
    assert known.identities.missing({"a": 1}) == ["a"]
    began = known.clock.time_s
    known.clock.time_s += 1
    known.identities.forget("a")  # while the definition is read that has not got the change yet
    found = read(daemon.connect(""), {"a": 1}, {}, 5)
    known.identities.learn(replace(found, began=began))
    assert known.identities.missing({"a": 1}) == ["a"]


def test_changes_that_nobody_asks_about_take_no_memory_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity_module, "_MOST_CHANGED", 3)
    known = Known()
    known.read({"0": 1})
    for number in range(10):
        known.clock.time_s += 1
        known.identities.forget(str(number % 5))
    assert len(known.identities._changed_at) <= 3
    known.clock.time_s += 1
    assert known.read({"0": 1}) == ["0"]


@pytest.mark.parametrize("between_s", [1, 10, 15, 30, 45, 60])
def test_no_definition_gets_older_than_a_minute_and_they_are_read_anew_in_turn(between_s: int) -> None:
    known = Known()
    domains = {str(number): number for number in range(40)}
    known.read(domains)
    read_at = dict.fromkeys(domains, known.clock())
    for _ in range(200):
        known.clock.time_s += between_s
        assert all(known.clock() - at <= 60 for at in read_at.values())
        read_at |= dict.fromkeys(known.read(domains), known.clock())
    at_once = sum(at == known.clock() for at in read_at.values())
    assert at_once <= min(40, -(-40 * between_s // READ_ANEW_AFTER_S))


def test_definition_that_did_not_change_is_not_parsed_again() -> None:
    daemon = FakeDaemon(FakeDomain("a"), FakeDomain("b"))
    wanted = {"a": 1, "b": 2}
    identities = Identities(Clock())
    identities.missing(wanted)
    first = read(daemon.connect(""), wanted, identities.digests(), 5)
    identities.learn(first)
    daemon.domains["b"].xml = "<domain><name>other</name><uuid>b</uuid></domain>"
    again = read(daemon.connect(""), wanted, identities.digests(), 5)
    assert (again.found["a"].identity, again.found["b"].identity) == (None, Identity(vm_id="b", name="other"))
    identities.learn(again)
    assert identities.known() == {
        "a": Identity(vm_id="a", name="instance-a"),
        "b": Identity(vm_id="b", name="other"),
    }


def test_unchanged_definition_of_a_domain_forgotten_meanwhile_is_not_learned() -> None:
    identities = Identities(Clock())
    identities.learn(Definitions({"a": Definition(1, 7, None)}, 0, 0.0))
    assert identities.known() == {}


def test_parts_that_make_no_sense_are_counted_when_the_definition_is_parsed() -> None:
    devices = f"<devices><disk/><disk><target dev='vda'/><serial>{'x' * 1025}</serial></disk></devices>"
    xml = f"<domain><name>n</name><uuid>a</uuid>{devices}</domain>"
    daemon = FakeDaemon(FakeDomain("a", xml=xml))
    first = read(daemon.connect(""), {"a": 1}, {}, 5)
    assert first.malformed == 2
    assert read(daemon.connect(""), {"a": 1}, {"a": first.found["a"].digest}, 5).malformed == 0


def test_what_is_gone_is_forgotten() -> None:
    known = Known()
    known.read({"a": 1, "b": 2})
    known.identities.forget("a")
    known.identities.forget("never seen")
    known.read({"b": 2})
    assert known.identities.known().keys() == {"b"}
    assert known.identities._changed_at == {}


def test_definitions_that_make_no_sense_are_counted_and_cost_themselves() -> None:
    daemon = FakeDaemon(FakeDomain("a"), FakeDomain("b", xml="<domain"), FakeDomain("c", xml="<domain/>"))
    found = read(daemon.connect(""), {"a": 7, "b": 8, "c": 9}, {}, 5)
    assert found.found.keys() == {"a"}
    assert (found.found["a"].domain_id, found.found["a"].identity) == (
        7,
        Identity(vm_id="a", name="instance-a"),
    )
    assert found.malformed == 2


def test_a_domain_that_went_away_meanwhile_is_left_out() -> None:
    daemon = FakeDaemon(FakeDomain("a"), FakeDomain("b", gone=True))
    found = read(daemon.connect(""), {"a": 1, "b": 2}, {}, 5)
    assert (found.found.keys(), found.malformed) == ({"a"}, 0)


def test_a_definition_that_cannot_be_read_costs_itself() -> None:
    denied = failure(libvirt.VIR_ERR_ACCESS_DENIED, "no right")
    daemon = FakeDaemon(FakeDomain("a"), FakeDomain("b", calls={"XMLDesc": denied}))
    found = read(daemon.connect(""), {"b": 2, "a": 1}, {}, 5)
    assert (found.found.keys(), found.malformed) == ({"a"}, 1)


def test_if_none_can_be_read_it_is_an_error() -> None:
    denied = failure(libvirt.VIR_ERR_ACCESS_DENIED, "no right")
    daemon = FakeDaemon(FakeDomain("a", calls={"XMLDesc": denied}))
    with pytest.raises(libvirt.libvirtError, match="no right"):
        read(daemon.connect(""), {"a": 1}, {}, 5)


def test_a_daemon_that_dies_is_an_error() -> None:
    daemon = FakeDaemon(FakeDomain("a"), FakeDomain("b"))
    connection = daemon.connect("")
    connection.domain("a")
    daemon.die(noticed=False)
    with pytest.raises(libvirt.libvirtError, match="socket is closed"):
        read(connection, {"a": 1, "b": 2}, {}, 5)


def test_when_the_time_is_over_the_rest_is_left_for_the_next_time() -> None:
    daemon = FakeDaemon(*(FakeDomain(uuid) for uuid in "abc"))
    found = read(daemon.connect(""), {"a": 1, "b": 2, "c": 3}, {}, 0)
    assert found.found.keys() == {"a"}


def test_a_real_definition_is_read() -> None:
    connection = connect("test:///default")
    (domain,) = connection.virt.listAllDomains()
    found = read(connection, {domain.UUIDString(): domain.ID()}, {}, 5)
    assert found.malformed == 0
    (one,) = found.found.values()
    assert one.identity is not None
    assert (one.domain_id, one.identity.name, one.identity.vcpus) == (domain.ID(), "test", 2)
    connection.close()
