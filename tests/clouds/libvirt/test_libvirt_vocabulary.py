"""libvirt's numbers in its own words."""

import libvirt
import pytest

from stratoscope.clouds.libvirt import vocabulary


def test_states_are_libvirts_in_its_order() -> None:
    for number, name in enumerate(vocabulary.STATES):
        assert getattr(libvirt, f"VIR_DOMAIN_{name.upper()}") == number
        assert vocabulary.state(number) == name


@pytest.mark.parametrize(
    ("state", "number", "word"),
    [
        ("paused", 5, "ioerror"),
        ("shutoff", 3, "crashed"),
        ("running", 0, "unknown"),
        ("crashed", 1, "panicked"),
        ("shutdown", 1, "user"),
        ("pmsuspended", 0, "unknown"),
    ],
)
def test_a_reason_is_its_states_own(state: str, number: int, word: str) -> None:
    assert vocabulary.reason(state, number) == word


@pytest.mark.parametrize(
    ("state", "number"), [("shutdown", 2), ("pmsuspended", 7), ("paused", 99), ("unknown_9", 1)]
)
def test_flags_with_the_same_prefix_are_no_reasons(state: str, number: int) -> None:
    assert vocabulary.reason(state, number) == f"unknown_{number}"


@pytest.mark.parametrize("number", [-1, 8, 1000])
def test_an_unknown_state_says_its_number(number: int) -> None:
    assert vocabulary.state(number) == f"unknown_{number}"


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(TypeError):
        vocabulary.state("running")  # type: ignore[arg-type]  # that is the point
    with pytest.raises(ValueError, match="format"):
        vocabulary.reason("paused", "ioerror")  # type: ignore[arg-type]  # that is the point
    with pytest.raises(ValueError, match="format"):
        vocabulary.reason("shutdown", "user")  # type: ignore[arg-type]  # that is the point


def test_a_version_is_written_with_dots() -> None:
    assert vocabulary.version(9_000_000) == "9.0.0"
    assert vocabulary.version(7_002_022) == "7.2.22"
    assert vocabulary.version(12_008_001) == "12.8.1"
