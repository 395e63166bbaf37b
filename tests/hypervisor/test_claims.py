"""A VM that several URIs of one cloud know is shown by one of them."""

from stratoscope.hypervisor.collectors.claims import Claims


def test_each_shows_its_own() -> None:
    claims = Claims()
    assert claims.granted("a", {"1": True, "2": False}) == {"1", "2"}
    assert claims.granted("b", {"3": True}) == {"3"}


def test_a_vm_is_shown_where_it_is_active() -> None:
    claims = Claims()
    assert claims.granted("a", {"1": False}) == {"1"}
    assert claims.granted("b", {"1": True}) == {"1"}
    assert claims.granted("a", {"1": False}) == set()
    assert claims.is_elsewhere("1", "a")
    assert not claims.is_elsewhere("1", "b")


def test_a_migrating_vm_stays_with_its_source_until_it_has_left() -> None:
    claims = Claims()
    assert claims.granted("source", {"1": True}) == {"1"}
    assert claims.granted("target", {"1": True}) == set()
    assert claims.granted("source", {}) == set()
    assert claims.granted("target", {"1": True}) == {"1"}


def test_a_definition_that_stayed_behind_is_not_shown() -> None:
    claims = Claims()
    claims.granted("target", {"1": True})
    assert claims.granted("source", {"1": False}) == set()


def test_vms_of_a_daemon_that_is_gone_may_show_elsewhere() -> None:
    claims = Claims()
    claims.granted("dead", {"1": True})
    claims.released("dead")
    assert claims.granted("other", {"1": True}) == {"1"}
    assert claims.is_elsewhere("1", "dead")
    assert not claims.is_elsewhere("2", "dead")
