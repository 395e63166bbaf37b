"""A VM that several URIs of one cloud know is shown by one of them."""

from stratoscope.hypervisor.collectors.vm_ownership import VMOwnership


def test_each_shows_its_own() -> None:
    ownership = VMOwnership()
    assert ownership.granted("a", {"1": True, "2": False}) == {"1", "2"}
    assert ownership.granted("b", {"3": True}) == {"3"}


def test_a_vm_is_shown_where_it_is_active() -> None:
    ownership = VMOwnership()
    assert ownership.granted("a", {"1": False}) == {"1"}
    assert ownership.granted("b", {"1": True}) == {"1"}
    assert ownership.granted("a", {"1": False}) == set()
    assert ownership.is_elsewhere("1", "a")
    assert not ownership.is_elsewhere("1", "b")


def test_a_migrating_vm_stays_with_its_source_until_it_has_left() -> None:
    ownership = VMOwnership()
    assert ownership.granted("source", {"1": True}) == {"1"}
    assert ownership.granted("target", {"1": True}) == set()
    assert ownership.granted("source", {}) == set()
    assert ownership.granted("target", {"1": True}) == {"1"}


def test_a_definition_that_stayed_behind_is_not_shown() -> None:
    ownership = VMOwnership()
    ownership.granted("target", {"1": True})
    assert ownership.granted("source", {"1": False}) == set()


def test_vms_of_a_daemon_that_is_gone_may_show_elsewhere() -> None:
    ownership = VMOwnership()
    ownership.granted("dead", {"1": True})
    ownership.released("dead")
    assert ownership.granted("other", {"1": True}) == {"1"}
    assert ownership.is_elsewhere("1", "dead")
    assert not ownership.is_elsewhere("2", "dead")
