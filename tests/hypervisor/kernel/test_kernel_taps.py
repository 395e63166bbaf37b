from pathlib import Path

import pytest

from stratoscope.hypervisor.kernel.taps import Tap, read_tap
from support.hosts import Refusing, copied, recorded

HYBRID = recorded("hybrid")


def test_a_tap_that_is_a_port_of_a_bridge() -> None:
    assert read_tap("vnet1", HYBRID) == Tap(
        ifindex=7,
        is_up=True,
        carrier=True,
        mtu_bytes=1500,
        master="virbr0",
    )


def test_a_tap_without_a_bridge_has_none(tmp_path: Path) -> None:
    paths = copied("hybrid", tmp_path)
    uevent = Path(paths.sysfs, "class/net/vnet1/master/uevent")
    uevent.write_text("DEVTYPE=bridge\n")
    tap = read_tap("vnet1", paths)
    assert tap is not None
    assert tap.master is None
    uevent.unlink()
    assert read_tap("vnet1", paths) == tap


def test_an_interface_that_is_down_has_no_carrier_to_tell() -> None:
    assert read_tap("ifb0", HYBRID) == Tap(2, False, None, 1500, None)


def test_a_link_without_carrier_is_told_from_one_that_does_not_say(tmp_path: Path) -> None:
    paths = copied("hybrid", tmp_path)
    carrier = Path(paths.sysfs, "class/net/vnet0/carrier")
    carrier.write_text("0\n")
    assert read_tap("vnet0", paths) == Tap(6, True, False, 1500, None)
    carrier.unlink()
    assert read_tap("vnet0", paths) == Tap(6, True, None, 1500, None)


@pytest.mark.parametrize("name", ["vnet99", "../net/vnet0", "v" * 5000])
def test_an_interface_that_does_not_exist_is_none(name: str) -> None:
    assert read_tap(name, HYBRID) is None


def test_an_interface_that_vanishes_while_it_is_read_gives_what_was_read(tmp_path: Path) -> None:
    paths = copied("hybrid", tmp_path)
    for name in ("ifindex", "carrier", "mtu"):
        Path(paths.sysfs, "class/net/vnet0", name).unlink()
    assert read_tap("vnet0", paths) == Tap(None, True, None, None, None)


def test_a_file_that_makes_no_sense_is_named(tmp_path: Path) -> None:
    paths = copied("hybrid", tmp_path)
    Path(paths.sysfs, "class/net/vnet0/mtu").write_text("big\n")
    with pytest.raises(ValueError, match="class/net/vnet0/mtu: not a whole number"):
        read_tap("vnet0", paths)
    Path(paths.sysfs, "class/net/vnet0/flags").write_text("up\n")
    with pytest.raises(ValueError, match="class/net/vnet0/flags: not a hexadecimal number"):
        read_tap("vnet0", paths)


def test_a_missing_right_is_the_callers_to_tell() -> None:
    with pytest.raises(PermissionError):
        read_tap("vnet0", HYBRID, Refusing("flags"))
