"""What flavors demand, as Nova's scheduler translates them."""

import pytest

from stratoscope.clouds.openstack.compute.flavors import Flavor
from stratoscope.clouds.openstack.placement.requirements import ResourceRequest, cpus, resource_request

DISABLED = "COMPUTE_STATUS_DISABLED"


def flavor(vcpus: int = 4, *, disk: int = 20, ephemeral: int = 0, swap: int = 0, **specs: str) -> Flavor:
    """A flavor with 8 GiB of memory. Args: specs: Extra specs, with `__` for `:`."""
    extra_specs = {key.replace("__", ":"): value for key, value in specs.items()}
    return Flavor("f1", "m1", vcpus, 8192, disk, ephemeral, swap, extra_specs=extra_specs)


def resources(of: Flavor) -> dict[str, int]:
    return dict(resource_request(of, has_pcpus=True).resources)


def test_plain_flavor_demands_its_sizes_and_a_host_that_is_not_disabled() -> None:
    assert resource_request(flavor(1), has_pcpus=True) == ResourceRequest(
        {"VCPU": 1, "MEMORY_MB": 8192, "DISK_GB": 20}, frozenset(), frozenset({DISABLED}), {}, is_exact=True
    )


def test_demands_of_a_flavor_whose_extra_specs_are_not_told_are_not_all_known() -> None:
    old = Flavor("1", "m1", 1, 512, 0, swap="")
    assert resources(old) == {"VCPU": 1, "MEMORY_MB": 512}
    assert not resource_request(old, has_pcpus=True).is_exact


@pytest.mark.parametrize(
    ("disk", "ephemeral", "swap", "gib"), [(20, 0, 0, 20), (20, 10, 1, 31), (0, 0, 2048, 2), (0, 0, 2049, 3)]
)
def test_disk_is_root_ephemeral_and_swap_rounded_up(disk: int, ephemeral: int, swap: int, gib: int) -> None:
    assert resources(flavor(disk=disk, ephemeral=ephemeral, swap=swap))["DISK_GB"] == gib


def test_flavor_without_disk_demands_none() -> None:
    assert "DISK_GB" not in resources(flavor(disk=0))


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        ({"hw__cpu_policy": "dedicated"}, {"PCPU": 4}),
        ({"hw__cpu_policy": "dedicated", "hw__emulator_threads_policy": "isolate"}, {"PCPU": 5}),
        ({"hw__cpu_policy": "mixed", "hw__cpu_dedicated_mask": "2-3"}, {"VCPU": 2, "PCPU": 2}),
        ({"hw__cpu_policy": "mixed", "hw__cpu_realtime_mask": "^0"}, {"VCPU": 1, "PCPU": 3}),
        ({"hw__cpu_policy": "shared"}, {"VCPU": 4}),
        ({"resources__PCPU": "4"}, {"PCPU": 4}),
        ({"resources__VCPU": "0", "resources__CUSTOM_GOLD": "1"}, {"CUSTOM_GOLD": 1}),
        ({"resources1__VGPU": "1"}, {"VGPU": 1, "VCPU": 4}),
        ({"resources1__VGPU": "1", "resources2__VGPU": "1"}, {"VGPU": 1, "VCPU": 4}),
        ({"resources__VGPU": "1", "resources2__VGPU": "3"}, {"VGPU": 3, "VCPU": 4}),
    ],
)
def test_cpus_and_resources_are_those_that_the_extra_specs_want(
    specs: dict[str, str], expected: dict[str, int]
) -> None:
    assert resources(flavor(**specs)) == expected | {"MEMORY_MB": 8192, "DISK_GB": 20}


def test_bare_metal_demands_its_class_alone() -> None:
    specs = {f"resources__{name}": "0" for name in ("VCPU", "MEMORY_MB", "DISK_GB")}
    assert resources(flavor(**specs, resources__CUSTOM_BAREMETAL="1")) == {"CUSTOM_BAREMETAL": 1}


def test_traits_are_required_or_forbidden() -> None:
    found = resource_request(
        flavor(trait__HW_CPU_X86_AVX2="required", trait__CUSTOM_OLD="forbidden"), has_pcpus=True
    )
    assert (found.required, found.forbidden) == ({"HW_CPU_X86_AVX2"}, {"CUSTOM_OLD", DISABLED})
    assert found.is_exact


def test_trait_that_one_provider_of_several_must_not_have_is_not_forbidden_to_the_host() -> None:
    grouped = flavor(resources1__VGPU="1", trait1__CUSTOM_OLD="forbidden", trait1__CUSTOM_NEW="required")
    found = resource_request(grouped, has_pcpus=True)
    assert (found.required, found.forbidden, found.is_exact) == ({"CUSTOM_NEW"}, {DISABLED}, False)


def test_dedicated_cpus_are_shared_ones_where_no_host_tells_others() -> None:
    pinned = flavor(
        hw__cpu_policy="dedicated", hw__cpu_thread_policy="require", hw__emulator_threads_policy="isolate"
    )
    found = resource_request(pinned, has_pcpus=False)
    assert (found.resources, found.required) == ({"VCPU": 4, "MEMORY_MB": 8192, "DISK_GB": 20}, set())
    assert not found.is_exact


@pytest.mark.parametrize(
    "specs", [{"hw__cpu_policy": "mixed", "hw__cpu_dedicated_mask": "0"}, {"resources__PCPU": "4"}]
)
def test_other_pinned_cpus_are_pinned_ones_everywhere(specs: dict[str, str]) -> None:
    assert resource_request(flavor(**specs), has_pcpus=False) == resource_request(
        flavor(**specs), has_pcpus=True
    )


@pytest.mark.parametrize(
    ("policy", "required", "forbidden"),
    [
        ("require", {"HW_CPU_HYPERTHREADING"}, {DISABLED}),
        ("isolate", set(), {"HW_CPU_HYPERTHREADING", DISABLED}),
    ],
)
def test_thread_policy_is_a_trait(policy: str, required: set[str], forbidden: set[str]) -> None:
    found = resource_request(flavor(hw__cpu_policy="dedicated", hw__cpu_thread_policy=policy), has_pcpus=True)
    assert (found.required, found.forbidden) == (required, forbidden)


def test_aggregates_must_say_what_the_flavor_wants() -> None:
    found = resource_request(flavor(aggregate_instance_extra_specs__ssd="true"), has_pcpus=True)
    assert (found.metadata, found.is_exact) == ({"ssd": "true"}, True)


@pytest.mark.parametrize(
    "specs",
    [
        {"hw__mem_page_size": "large"},
        {"hw__numa_nodes": "2"},
        {"hw__cpu_policy": "dedicated"},
        {"pci_passthrough__alias": "gpu:1"},
        {"resources1__VGPU": "1"},
        {"resources__VGPU": "many"},
        {"trait__X": "perhaps"},
        {"os__secure_boot": "required"},
        {"capabilities__hypervisor_type": "QEMU"},
        {"ssd": "true"},
    ],
    ids=lambda specs: next(iter(specs)),
)
def test_demand_of_which_no_api_tells_the_rest_is_not_exact(specs: dict[str, str]) -> None:
    assert not resource_request(flavor(**specs), has_pcpus=True).is_exact


@pytest.mark.parametrize(
    "key",
    ["quota__disk_read_iops_sec", "hw_rng__allowed", "hw__cpu_sockets", "hw__watchdog_action", "os__foo"],
)
def test_demand_that_never_decides_where_a_vm_fits_is_exact(key: str) -> None:
    assert resource_request(flavor(**{key: "1"}), has_pcpus=True).is_exact


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ("2-3", {2, 3}),
        ("0,2", {0, 2}),
        ("^0", {1, 2, 3}),
        ("0-3,^1-2", {0, 3}),
        ("2-9", {2, 3}),
        (" 1 , 2 ", {1, 2}),
        ("", set()),
        ("all", set()),
        ("1-x", set()),
        ("1-", set()),
        ("7-9", set()),
        ("^7", {0, 1, 2, 3}),
        (f"0-{2**32},^{2**31}-{2**32}", {0, 1, 2, 3}),
        ("0-" + "9" * 5000, set()),
    ],
)
def test_mask_names_vcpus(mask: str, expected: set[int]) -> None:
    assert cpus(mask, 4) == expected


@pytest.mark.parametrize("mask", ["^0", f"0-{2**40}"])
def test_mask_for_more_vcpus_than_a_vm_can_have_names_none(mask: str) -> None:
    assert cpus(mask, 2**40) == set()
