"""Where services are: URLs as catalogues have them, and what becomes of the version in them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from openstack.config.cloud_region import CloudRegion

from stratoscope.clouds.openstack.client import clouds_yaml
from stratoscope.clouds.openstack.client.catalogue import Endpoint, endpoint, endpoints, is_url
from stratoscope.clouds.openstack.config import OpenStackCloud
from stratoscope.core.errors import CollectError, ConfigError

OTHER = "fedcba98-7654-3210-fedc-ba9876543210"
P = "0bab9dffefc047b88df7ec7ccf597e43"


def _behind(gate: str) -> list[tuple[str, str, str, str, str]]:
    """What the catalogue says, and what is made of it, where services are below a gateway's own version."""
    others = ("network", "image", "identity", "dns", "key-manager", "placement")
    return [
        *((one, f"{gate}/{one}", f"{gate}/{one}", f"{gate}/{one}/", f"{gate}/{one}/") for one in others),
        ("image", f"{gate}/image/v2", f"{gate}/image", f"{gate}/image/", f"{gate}/image/"),
        ("placement", f"{gate}/p/v1", f"{gate}/p/v1", f"{gate}/p/v1/", f"{gate}/p/v1/"),
        ("compute", f"{gate}/nova", f"{gate}/nova/v2.1", f"{gate}/nova/", f"{gate}/nova/v2.1/"),
        ("compute", f"{gate}/n/v2.1/{P}", f"{gate}/n/v2.1/{P}", f"{gate}/n/", f"{gate}/n/v2.1/"),
        ("compute", f"{gate}/n/v2/{OTHER}", f"{gate}/n/v2/{OTHER}", f"{gate}/n/", f"{gate}/n/v2/"),
        ("block-storage", f"{gate}/volume", f"{gate}/volume/v3/{P}", f"{gate}/volume/", f"{gate}/volume/v3/"),
        ("object-store", f"{gate}/swift/v1", f"{gate}/swift/v1", f"{gate}/swift/", f"{gate}/swift/"),
        ("object-store", f"{gate}/v1/KEY_{P}", f"{gate}/v1/KEY_{P}", f"{gate}/", f"{gate}/"),
    ]


@pytest.mark.parametrize(
    ("service", "catalogue", "url", "root", "document"),
    [
        ("compute", "http://c:8774/v2.1", "http://c:8774/v2.1", "http://c:8774/", "http://c:8774/v2.1/"),
        ("compute", f"http://c/v2.1/{P}/", f"http://c/v2.1/{P}", "http://c/", "http://c/v2.1/"),
        (
            "compute",
            "http://c/compute",
            "http://c/compute/v2.1",
            "http://c/compute/",
            "http://c/compute/v2.1/",
        ),
        ("block-storage", f"http://c/v3/{P}", f"http://c/v3/{P}", "http://c/", "http://c/v3/"),
        ("block-storage", "http://c/v3", "http://c/v3", "http://c/", "http://c/v3/"),
        (
            "block-storage",
            "http://c/volume/",
            f"http://c/volume/v3/{P}",
            "http://c/volume/",
            "http://c/volume/v3/",
        ),
        (
            "shared-file-system",
            "http://c/share",
            f"http://c/share/v2/{P}",
            "http://c/share/",
            "http://c/share/v2/",
        ),
        ("orchestration", f"http://c/v1/{P}", f"http://c/v1/{P}", "http://c/", "http://c/v1/"),
        ("network", "http://c:9696", "http://c:9696", "http://c:9696/", "http://c:9696/"),
        ("network", "http://c/network/v2.0/", "http://c/network", "http://c/network/", "http://c/network/"),
        ("image", "http://c/image/v2", "http://c/image", "http://c/image/", "http://c/image/"),
        ("identity", "http://c/identity/v3", "http://c/identity", "http://c/identity/", "http://c/identity/"),
        ("identity", "http://c/v3-old/v3", "http://c/v3-old", "http://c/v3-old/", "http://c/v3-old/"),
        ("load-balancer", "http://c:9876/v2.0", "http://c:9876", "http://c:9876/", "http://c:9876/"),
        ("baremetal", "http://c/v1", "http://c", "http://c/", "http://c/"),
        ("dns", "http://c/v2/", "http://c", "http://c/", "http://c/"),
        ("container-infrastructure-management", "http://c/v1", "http://c", "http://c/", "http://c/"),
        ("key-manager", "http://c", "http://c", "http://c/", "http://c/"),
        (
            "placement",
            "http://c/placement",
            "http://c/placement",
            "http://c/placement/",
            "http://c/placement/",
        ),
        ("object-store", f"http://c/v1/AUTH_{P}", f"http://c/v1/AUTH_{P}", "http://c/", "http://c/"),
        *_behind("http://gate/v1"),
        *_behind("http://gate/api/v2.0/cloud"),
        *_behind("http://v1"),
    ],
)
def test_both_forms_of_a_url_lead_to_the_same_place(
    service: str, catalogue: str, url: str, root: str, document: str
) -> None:
    found = endpoint(service, catalogue, P)
    assert msgspec.structs.replace(found, versioned="") == Endpoint(url, root, document, None)


@pytest.mark.parametrize(
    ("service", "catalogue", "versioned"),
    [
        ("compute", "http://c/compute/v2.1", "http://c/compute/v2.1/"),
        ("block-storage", f"http://c/v3/{P}", "http://c/v3/"),
        ("identity", "http://c/identity/v3", "http://c/identity/v3/"),
        ("network", "http://c:9696", "http://c:9696/"),
    ],
)
def test_version_of_the_catalogue_is_kept_where_paths_have_another(
    service: str, catalogue: str, versioned: str
) -> None:
    assert endpoint(service, catalogue, P).versioned == versioned


def test_without_a_project_cinder_is_asked_without_one() -> None:
    assert endpoint("block-storage", "http://c").url == "http://c/v3"
    assert endpoint("block-storage", " http://c/v3/ \n").url == "http://c/v3"
    assert is_url(" http://c ")


def _region(folder: Path, **more: Any) -> CloudRegion:
    domains = {"user_domain_id": "default", "project_domain_id": "default"}
    auth = {
        "auth_url": "http://keystone/v3",
        "username": "a",
        "password": "b",
        "project_name": "c",
        **domains,
    }
    file = folder / "clouds.yaml"
    file.write_text(yaml.safe_dump({"clouds": {"a": {"auth": auth, **more}}}), encoding="utf-8")
    return clouds_yaml.region(OpenStackCloud(name="uni", clouds_file=str(file)))


def _entry(kind: str, *places: Mapping[str, Any], name: str = "") -> Mapping[str, Any]:
    return {"type": kind, "name": name, "endpoints": [*places]}


def _place(url: str, interface: str = "public", region: str = "one") -> Mapping[str, Any]:
    return {"interface": interface, "url": url, "region": region, "region_id": region}


def _urls(region: CloudRegion, *entries: object) -> Mapping[str, str]:
    return {service: one.url for service, one in endpoints([*entries], region, P).items()}


def test_the_official_name_wins_over_old_ones_then_the_newest(tmp_path: Path) -> None:
    old = _entry("volumev2", _place("http://v2/v2"))
    newer = _entry("volumev3", _place("http://v3/v3"))
    official = _entry("block-storage", _place("http://new/v3"))
    region = _region(tmp_path)
    assert _urls(region, old, newer, official)["block-storage"] == "http://new/v3"
    assert _urls(region, old, newer)["block-storage"] == "http://v3/v3"
    assert _urls(region, old)["block-storage"] == "http://v2/v2"


def test_a_name_without_an_endpoint_here_leaves_it_to_the_next(tmp_path: Path) -> None:
    elsewhere = _entry("block-storage", _place("http://new/v3", region="two"))
    here = _entry("volumev3", _place("http://v3/v3"))
    assert _urls(_region(tmp_path, region_name="one"), elsewhere, here)["block-storage"] == "http://v3/v3"


@pytest.mark.parametrize(
    ("interface", "url"),
    [
        ("public", "http://p"),
        ("internalURL", "http://i"),
        (["admin", "internal"], "http://i"),
        ("admin", ""),
    ],
)
def test_the_interface_of_clouds_yaml_is_asked(tmp_path: Path, interface: str | list[str], url: str) -> None:
    entry = _entry("placement", _place("http://p"), _place("http://i", "internal"))
    assert _urls(_region(tmp_path, interface=interface), entry)["placement"] == url


def test_clouds_yaml_may_say_otherwise_for_one_service(tmp_path: Path) -> None:
    catalogue = [
        _entry("compute", _place("http://c/v2.1"), _place("http://ci/v2.1", "internal")),
        _entry("image", _place("http://g"), name="glance"),
        _entry("image", _place("http://h"), name="other"),
        _entry("volumev2", _place("http://v2/v2")),
        _entry("volumev3", _place("http://v3/v3")),
    ]
    region = _region(
        tmp_path,
        compute_interface="internal",
        image_service_name="other",
        block_storage_service_type="volumev2",
        network_endpoint_override="http://n:9696/v2.0",
    )
    urls = _urls(region, *catalogue)
    assert urls["compute"] == "http://ci/v2.1"
    assert urls["image"] == "http://h"
    assert urls["block-storage"] == "http://v2/v2"
    assert urls["network"] == "http://n:9696"


def test_keystone_is_known_without_the_catalogue(tmp_path: Path) -> None:
    assert _urls(_region(tmp_path)) == {"identity": "http://keystone"}
    entry = _entry("identity", _place("http://public/v3"))
    assert _urls(_region(tmp_path), entry) == {"identity": "http://public"}


def test_a_service_that_nobody_knows_keeps_its_name_and_url(tmp_path: Path) -> None:
    assert _urls(_region(tmp_path), _entry("telescope", _place("http://t/v7/")))["telescope"] == "http://t/v7"


def test_entries_that_make_no_sense_cost_themselves(tmp_path: Path) -> None:
    good = _entry("placement", {"url": "http://no-interface"}, {"a": 1}, _place("http://p"))
    broken = [None, 3, {"type": "compute"}, {"type": 3, "endpoints": []}, {"endpoints": []}, good]
    assert _urls(_region(tmp_path), *broken)["placement"] == "http://p"
    assert endpoints({"not": "a list"}, _region(tmp_path), P).keys() == {"identity"}


def test_one_region_need_not_be_named(tmp_path: Path) -> None:
    assert _urls(_region(tmp_path), _entry("placement", _place("http://p")))["placement"] == "http://p"
    both = _entry("placement", _place("http://p"), _place("http://q", region="two"))
    with pytest.raises(CollectError, match="set `region:` to one of: one, two"):
        _urls(_region(tmp_path), both)


def _fault(region: CloudRegion, service: str, *entries: object) -> str:
    """Why a service of the catalogue cannot be asked; its neighbour can."""
    good = _entry("telescope", _place("http://t"), _place("http://t", "admin"))
    found = endpoints([*entries, good], region, P)
    assert found["telescope"].fault == ""
    return found[service].fault


@pytest.mark.parametrize("url", ["nova:9696", " ", "http://", "http://n/%(user_id)s", "ftp://n"])
def test_an_override_that_is_no_url_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"clouds\.a\.network_endpoint_override: expected a URL such as "):
        _region(tmp_path, network_endpoint_override=url)


def test_an_override_with_the_project_of_a_token_without_one_costs_its_service(tmp_path: Path) -> None:
    region = _region(tmp_path, network_endpoint_override="http://n/%(project_id)s")
    assert endpoints([], region, "")["network"].is_of_project
    assert not endpoints([], region, P)["network"].fault


@pytest.mark.parametrize("url", ["", "http://[nova", "nova:8774", None, 3, [], "http://n/v3/$(tenant_id)s"])
def test_a_url_of_the_catalogue_that_is_none_costs_its_service(tmp_path: Path, url: Any) -> None:
    assert _fault(_region(tmp_path), "compute", _entry("compute", _place(url))) == (
        "its URL in the catalogue is invalid"
    )
    good = _entry("compute", _place(url), _place("http://c"))
    assert _fault(_region(tmp_path), "compute", good) == ""


def test_an_interface_that_a_service_lacks_is_named(tmp_path: Path) -> None:
    region = _region(tmp_path, interface="internal")
    assert _fault(_region(tmp_path, interface="admin"), "dns", _entry("dns", _place("http://d"))) == (
        "the catalogue has no admin endpoint of it; it has: public"
    )
    nothing = _region(tmp_path, telescope_interface="public", interface="admin")
    assert "it has: none" in _fault(nothing, "dns", _entry("dns"))
    assert "it has: none" in _fault(nothing, "dns", {"type": "dns", "endpoints": None})
    both = endpoints([_entry("dns", _place("http://d", "internal"))], region, P)
    assert both["dns"].url == "http://d"


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "volumev3", "endpoints": []},
        {
            "type": "volumev3",
            "endpoints": [{"interface": "public", "region_id": "one", "url": "http://c/v3/$(project_id)s"}],
        },
    ],
)
def test_a_url_with_a_project_in_it_is_none_for_a_token_without_one(
    tmp_path: Path, entry: dict[str, Any]
) -> None:
    place = endpoints([entry, _entry("image", _place("http://i"))], _region(tmp_path), "")["block-storage"]
    assert (place.is_of_project, place.fault) == (True, "its URL holds the id of the token's project")
    assert not endpoints([entry], _region(tmp_path), P)["block-storage"].is_of_project


def test_a_service_of_another_region_alone_is_absent(tmp_path: Path) -> None:
    region = _region(tmp_path, region_name="one")
    entries = [_entry("dns", _place("http://d", region="two")), _entry("image", _place("http://i"))]
    assert "dns" not in endpoints(entries, region, P)


@pytest.mark.parametrize(
    ("key", "service"),
    [
        ("placement_endpoint_override", "placement"),
        ("object_store_endpoint_override", "object-store"),
        ("baremetal_endpoint_override", "baremetal"),
        ("volumev3_endpoint_override", "block-storage"),
        ("block_storage_endpoint", "block-storage"),
        ("orchestration_endpoint_override", "orchestration"),
        ("telescope_endpoint_override", "telescope"),
        ("container_infrastructure_management_endpoint_override", "container-infrastructure-management"),
    ],
)
def test_an_override_holds_for_a_service_that_the_catalogue_lacks(
    tmp_path: Path, key: str, service: str
) -> None:
    assert endpoints([], _region(tmp_path, **{key: "http://o:1/x"}), P)[service].root == "http://o:1/x/"


def test_an_override_wins_over_the_catalogue_and_is_filled_in(tmp_path: Path) -> None:
    override = {"block_storage_endpoint_override": "http://o/v3/%(project_id)s"}
    entry = _entry("volumev3", _place("http://c/v3"))
    assert _urls(_region(tmp_path, **override), entry)["block-storage"] == f"http://o/v3/{P}"
    override = {"volumev3_endpoint_override": "http://o/v3/$(tenant_id)s"}
    assert _urls(_region(tmp_path, **override), entry)["block-storage"] == f"http://o/v3/{P}"
