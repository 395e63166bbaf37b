"""Family and Labels: what they refuse, what they write."""

import math
import re

import pytest

from stratoscope.core.metrics import CUT, LONGEST, Distribution, Family, Histogram, Labels, states

VM = Labels(cloud="uni", vm_id="vm-1")


@pytest.mark.parametrize(
    ("name", "help_text", "labels", "message"),
    [
        ("Bytes", "Help.", (), "metric name 'Bytes': small letters, digits and _ only"),
        ("1_bytes", "Help.", (), "metric name '1_bytes': small letters, digits and _ only"),
        ("vm:bytes", "Help.", (), "metric name 'vm:bytes': small letters, digits and _ only"),
        ("bytes\n", "Help.", (), "metric name 'bytes\\n': small letters, digits and _ only"),
        ("bytes", "Help", (), "bytes: the help is one sentence in one line and ends with a full stop"),
        ("bytes", "", (), "bytes: the help is one sentence in one line and ends with a full stop"),
        ("bytes", "One.\nTwo.", (), "bytes: the help is one sentence in one line and ends with a full stop"),
        ("bytes", " Help.", (), "bytes: the help is one sentence in one line and ends with a full stop"),
        ("bytes", "Help.", ("VM",), "label name 'VM': small letters, digits and _ only"),
        ("bytes", "Help.", ("__name__",), "label name '__name__': small letters, digits and _ only"),
        ("bytes", "Help.", ("vm", "vm"), "label names ('vm', 'vm'): one is given twice"),
    ],
)
def test_family_that_breaks_a_rule_is_refused_by_name(
    name: str, help_text: str, labels: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Family(name, help_text, labels=labels)


@pytest.mark.parametrize(
    ("name", "kind"), [("vm_seconds_total", "counter"), ("vm_info", "info"), ("vm_bytes", "gauge")]
)
def test_kind_follows_from_the_name(name: str, kind: str) -> None:
    assert Family(name, "Help.", labels=()).kind == kind


def test_family_called_makes_a_sample() -> None:
    family = Family("vm_bytes", "Help.", labels=("cloud", "vm_id"))
    assert family(7, VM) == (family, VM, 7)


@pytest.mark.parametrize(
    ("name", "labels", "bounds", "message"),
    [
        ("waits_total", (), [1], "waits_total: no name of a histogram; it ends with none of _total, _info, "),
        ("waits_bucket", (), [1], "waits_bucket: no name of a histogram; it ends with none of _total, "),
        ("waits_sum", (), [1], "waits_sum: no name of a histogram; it ends with none of _total, "),
        ("waits_seconds", ("vm", "le"), [1], "waits_seconds: the label le is the buckets' own"),
        *(
            ("waits_seconds", (), bounds, "waits_seconds: bounds: one or more numbers, ascending, none below")
            for bounds in ([], [-1, 1], [1, 1], [2, 1], [math.nan], [1, math.nan], [1, math.inf])
        ),
    ],
)
def test_histogram_that_breaks_a_rule_is_refused_by_name(
    name: str, labels: tuple[str, ...], bounds: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        Histogram(name, "Help.", labels=labels, bounds=bounds)


def test_histogram_called_makes_a_sample_of_a_distribution() -> None:
    family = Histogram("vm_wait_seconds", "Help.", labels=("cloud", "vm_id"), bounds=[0.5])
    assert family(Distribution((1,), 2, 3.5), VM) == (family, VM, Distribution((1,), 2, 3.5))


def test_bounds_are_spelled_as_openmetrics_wants_them() -> None:
    family = Histogram("vm_wait_seconds", "Help.", labels=(), bounds=[0, 1e-6, 0.1, 1, 2.5, 1e6])
    assert family.bounds == (0.0, 1e-06, 0.1, 1.0, 2.5, 1_000_000.0)
    assert family.buckets == (
        'le="0.0"',
        'le="1e-06"',
        'le="0.1"',
        'le="1.0"',
        'le="2.5"',
        'le="1e+06"',
        'le="+Inf"',
    )


def test_labels_of_a_part_follow_those_of_its_object() -> None:
    disk = VM + Labels(device="vda")
    assert disk.text == 'cloud="uni",vm_id="vm-1",device="vda"'
    assert disk.text == VM.plus(device="vda").text
    assert disk.names is Family("disk_bytes", "Help.", labels=("cloud", "vm_id", "device")).labels


def test_no_labels_add_nothing() -> None:
    assert (Labels() + VM).text == (VM + Labels()).text == VM.text
    assert (Labels() + VM).names is (VM + Labels()).names is VM.names
    assert (Labels() + Labels()).text == ""


def test_labels_with_a_name_twice_are_refused() -> None:
    with pytest.raises(ValueError, match="one is given twice"):
        VM.plus(cloud="lab")


def test_any_label_name_may_be_used_as_keyword() -> None:
    assert Labels(self=1).plus(more=2).text == 'self="1",more="2"'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        (7, "7"),
        ('say "hi"', 'say \\"hi\\"'),
        ("a\\b", "a\\\\b"),
        ("one\ntwo", "one\\ntwo"),
        ("one\rtwo", "one\rtwo"),
        ("Universität", "Universität"),
        ("\udcff.qcow2", "?.qcow2"),
    ],
)
def test_label_values_are_escaped_and_always_utf8(value: object, text: str) -> None:
    assert Labels(vm=value).text == f'vm="{text}"'
    assert Labels(vm=value).text.encode()


def test_states_are_one_series_each_and_only_the_current_is_1() -> None:
    family = Family("vm_state", "Help.", labels=("cloud", "vm_id", "state"))
    known = {state: Labels(state=state) for state in ("running", "paused")}
    shown = {labels.text: value for _, labels, value in states(family, "paused", known, VM)}
    assert shown == {VM.text + ',state="running"': 0, VM.text + ',state="paused"': 1}


def test_unknown_state_is_shown_and_not_hidden() -> None:
    family = Family("vm_state", "Help.", labels=("cloud", "vm_id", "state"))
    shown = [
        (labels.text, value) for _, labels, value in states(family, "new", {"off": Labels(state="off")}, VM)
    ]
    assert shown == [(VM.text + ',state="off"', 0), (VM.text + ',state="new"', 1)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("disk is being\nreplaced", "disk is being\\nreplaced"),
        ("a" * LONGEST, "a" * LONGEST),
        ("a" * (LONGEST + 1), "a" * LONGEST),
        ("a" * (LONGEST - 1) + "ä", "a" * (LONGEST - 1)),
        ("ä" * LONGEST, "ä" * (LONGEST // 2)),
        ("a\ud800", "a?"),
    ],
)
def test_free_words_are_cut_at_1024_bytes_and_never_within_a_character(text: str, shown: str) -> None:
    assert Labels(text=text).text == f'text="{shown}"'


def test_they_say_what_they_are() -> None:
    assert repr(Family("vm_bytes", "Help.", labels=())) == "Family(vm_bytes)"
    assert repr(Histogram("vm_wait_seconds", "Help.", labels=(), bounds=[1])) == "Histogram(vm_wait_seconds)"
    assert repr(VM) == 'Labels({cloud="uni",vm_id="vm-1"})'


def test_labels_of_a_part_are_made_once() -> None:
    vm, vda, vdb = Labels(vm_id="vm-1"), Labels(device="vda"), Labels(device="vdb")
    assert vm.at(vda) is vm.at(vda)
    assert vm.at(vda) is not vm.at(vdb)
    assert vm.at(vdb).text == 'vm_id="vm-1",device="vdb"'


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x" * 1024, "x" * 1024),
        ("x" * 1025, "x" * 1024),
        ("x" * 10_000_000, "x" * 1024),
        ("ä" * 512, "ä" * 512),
        ("ä" * 513, "ä" * 512),
        ("x" + "ä" * 512, "x" + "ä" * 511),
        ("€" * 400, "€" * 341),
        ("𝄞" * 257, "𝄞" * 256),
        ("\ud800" * 2000, "?" * 1024),
        ('"' * 2000, '\\"' * 1024),
        ("\n" * 1025, "\\n" * 1024),
    ],
)
def test_long_value_is_cut_at_the_border_of_a_character_and_counted(value: str, shown: str) -> None:
    before = CUT._value.get()
    assert Labels(vm=value).text == f'vm="{shown}"'
    plain = value.encode(errors="replace")
    assert CUT._value.get() - before == (1 if len(plain) > 1024 else 0)
