"""The block `clouds:`: entries of one kind, and one line for each mistake."""

from typing import Any

import msgspec
import pytest

from stratoscope.clouds import registry
from stratoscope.clouds.abilities import Hypervisor, Lifecycle, Management
from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.registry import Kind, entries, kind
from stratoscope.core.errors import ConfigError


class Cloud(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    kind: str
    region: str = "one"


def test_entries_of_other_kinds_are_left_alone() -> None:
    document = {
        "clouds": [
            {"name": "uni", "kind": "openstack", "os_cloud": "admin"},
            {"name": "uni", "kind": "ec2", "region": "two"},
        ]
    }
    assert entries(document, "ec2", Cloud) == [Cloud("uni", "ec2", "two")]


@pytest.mark.parametrize("document", [{}, {"clouds": None}, {"clouds": []}])
def test_no_clouds_are_no_entries(document: dict[str, Any]) -> None:
    assert entries(document, "libvirt", Cloud) == []


ALLOWED = 'allowed: 255 characters that can be shown in one line, no ", no blank at the ends'


@pytest.mark.parametrize(
    ("clouds", "message"),
    [
        ({}, "clouds: expected a list of {name: ..., kind: ...}, got a mapping"),
        ("qemu:///system", "clouds: expected a list of {name: ..., kind: ...}, got a text"),
        (["uni"], "clouds[0]: expected a mapping with name and kind, got a text"),
        ([{"kind": "ec2"}], "clouds[0].name: expected a text that is not empty, got nothing"),
        (
            [{"name": "", "kind": "ec2"}],
            "clouds[0].name: expected a text that is not empty, got an empty one",
        ),
        (
            [{"name": 5, "kind": "ec2"}],
            "clouds[0].name: expected a text that is not empty, got a whole number; quotes make it a text",
        ),
        *(
            (
                [{"name": name, "kind": "ec2"}],
                f"clouds[0].name: {name[:80]!r} is no name; {ALLOWED}",
            )
            for name in (
                "a\nb",
                "a\0",
                "a\ud800",
                "x" * 256,
                " a",
                "a ",
                'a"',
                '"a"',
                "\u2028",
                "\x1b[31mred",
            )
        ),
        (
            [{"name": "uni", "kind": 2.5}],
            "clouds[0].kind: expected a text that is not empty, got a number; quotes make it a text",
        ),
        ([{"name": "uni", "kind": []}], "clouds[0].kind: expected a text that is not empty, got a list"),
        (
            [{"name": "uni", "kind": "vmware"}],
            f"clouds[0].kind: unknown: vmware; allowed: {', '.join(sorted(registry.KINDS))}",
        ),
        (
            [{"name": "a", "kind": "ec2"}, {"name": "b", "kind": "ec2"}, {"name": "a", "kind": "ec2"}],
            "clouds[2]: clouds[0] is a/ec2, too; name and kind together stand once",
        ),
        (
            [{"name": "a", "kind": "ec2", "zone": 1}],
            "clouds[0].zone: unknown key; allowed: name, kind, region",
        ),
    ],
)
def test_a_mistake_is_named_in_one_line(clouds: object, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        entries({"clouds": clouds}, "ec2", Cloud)
    assert str(error.value) == message


def test_kind_whose_sdk_is_missing_does_not_matter_while_nobody_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kinds = {**registry.KINDS, "libvirt": ("stratoscope.no_such_sdk", registry.KINDS["libvirt"][1])}
    monkeypatch.setattr(registry, "KINDS", kinds)
    monkeypatch.delenv("OS_CLOUD", raising=False)
    monkeypatch.delenv("OS_AUTH_URL", raising=False)
    assert registry.configured({"clouds": []}, Lifecycle) == []
    assert registry.configured({}, Lifecycle) == []
    with pytest.raises(ImportError):
        registry.configured({}, Hypervisor)
    with pytest.raises(ImportError):
        registry.configured({"clouds": [{"name": "lab", "kind": "libvirt"}]}, Lifecycle)


class Whole(msgspec.Struct, frozen=True):
    name: str
    kind: str = "toy"
    budget: Limits = Limits()


class Nameless(msgspec.Struct, frozen=True):
    kind: str = "toy"


KIND: Kind
"""That of the module, as a kind's own module has it."""


@pytest.mark.parametrize(
    ("entry", "abilities", "lacks"),
    [
        (Cloud, (Hypervisor,), ""),
        (Nameless, (Hypervisor,), "entry.name"),
        (Cloud, (Management,), "entry.budget, questions"),
        (Whole, (Management,), "questions"),
        (Cloud, (Lifecycle,), "vm, credential, opened_to_create, lifecycle"),
        (Whole, (Lifecycle,), "vm, credential, opened_to_create, lifecycle"),
    ],
)
def test_kind_that_lacks_what_its_abilities_need_is_an_error_when_it_is_loaded(
    entry: type[Any], abilities: tuple[type[Any], ...], lacks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Kind(entry=entry, checked=lambda some: some, by_default=lambda: None, opened=lambda _: None)
    monkeypatch.setitem(globals(), "KIND", made)
    monkeypatch.setattr(registry, "KINDS", {"toy": (__name__, abilities)})
    if not lacks:
        assert kind("toy") is made
        return
    with pytest.raises(TypeError) as error:
        kind("toy")
    assert str(error.value) == f"{__name__}: KIND lacks {lacks}"
