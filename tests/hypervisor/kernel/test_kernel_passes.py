"""A pass over files that may be watched, and left alone."""

import pytest

from stratoscope.hypervisor.kernel.passes import Left, Pass
from support.hosts import Acting


def test_pass_tells_whose_files_it_reads_and_that_it_goes_on() -> None:
    this = Pass(lambda _path, _size=0: b"text", hung=frozenset({"b"}))
    assert (this.at, this.reads) == (None, 0)
    assert not this.skips("a")
    assert (this.at, this.reads) == ("a", 1)
    assert this.skips("b")
    assert (this.at, this.reads) == ("a", 1)
    assert this("file") == b"text"
    assert this.reads == 2


def test_pass_that_was_left_alone_ends_after_the_file_that_it_reads() -> None:
    def leave() -> None:
        this.is_left = True

    this = Pass(Acting("hostname", leave))
    with pytest.raises(Left):
        this("/proc/sys/kernel/hostname")


def test_pass_that_was_left_alone_begins_with_nobody_elses_files() -> None:
    this = Pass()
    this.is_left = True
    with pytest.raises(Left):
        this.skips("a")
