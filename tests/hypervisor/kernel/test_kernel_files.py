import errno
from pathlib import Path

import pytest

from stratoscope.core.errors import LeftOut
from stratoscope.hypervisor.kernel import files
from stratoscope.hypervisor.kernel.paths import Paths


def test_default_paths_are_those_of_a_host_outside_containers() -> None:
    assert Paths() == Paths("/proc", "/sys", "/sys/fs/cgroup")


def test_a_file_is_read_up_to_the_given_size(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 5000)
    assert files.read(f"{tmp_path}/f") == b"x" * 4096
    assert files.read(f"{tmp_path}/f", files.LONG) == b"x" * 5000


def test_an_absent_file_is_none_and_an_absent_directory_has_no_names(tmp_path: Path) -> None:
    assert files.read(f"{tmp_path}/absent") is None
    assert files.listed(f"{tmp_path}/absent") == []
    assert files.read_integer(f"{tmp_path}/absent", files.read) is None


def test_what_is_no_file_is_a_value_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("1")
    with pytest.raises(ValueError, match=rf"{tmp_path}: Is a directory"):
        files.read(str(tmp_path))
    with pytest.raises(ValueError, match=rf"{tmp_path}/f/g: Not a directory"):
        files.read(f"{tmp_path}/f/g")
    with pytest.raises(ValueError, match=rf"{tmp_path}/f: Not a directory"):
        files.listed(f"{tmp_path}/f")


@pytest.mark.parametrize("number", [errno.ENODEV, errno.ESRCH, errno.EOPNOTSUPP, errno.EINVAL, errno.ENODATA])
def test_what_the_kernel_does_not_give_or_has_taken_away_is_no_error(number: int) -> None:
    files._check("f", OSError(number, "x"))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_missing_right_stays_a_permission_error(number: int) -> None:
    with pytest.raises(PermissionError):
        files._check("f", OSError(number, "x"))


def test_a_shortage_of_the_exporter_itself_is_no_fault_of_the_file() -> None:
    with pytest.raises(OSError, match="Too many"):
        files._check("f", OSError(errno.EMFILE, "Too many open files"))


@pytest.mark.parametrize("text", [b"", b"max\n", b"1 2\n", None])
def test_what_is_no_number_is_a_value_error_that_names_the_file(text: bytes | None) -> None:
    with pytest.raises(ValueError, match="/sys/f: not a whole number"):
        files.integer("/sys/f", text)


def test_sizes_are_bytes_by_key_with_or_without_a_node_before_it() -> None:
    text = b"Node 0 MemTotal:  8 kB\nNode 0 MemFree:  4 kB\n\n"
    assert files.sizes("f", text, (b"MemFree", b"MemTotal", b"Other")) == [4096, 8192, None]
    assert files.sizes("f", b"MemFree: 1 kB\n", (b"MemFree",)) == [1024]


def test_a_group_is_its_value_or_the_reason_why_there_is_none() -> None:
    @files.or_left_out
    def group(value: int | None) -> int | None:
        if value == 0:
            raise PermissionError
        return value

    assert (group(5), group(None), group(0)) == (5, LeftOut.ABSENT, LeftOut.UNAUTHORIZED)
