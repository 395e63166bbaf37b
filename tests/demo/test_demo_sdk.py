"""openstacksdk on the embedded OpenStack: it connects by clouds.yaml, lists, creates and deletes a server."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import openstack
import pytest
from keystoneauth1.exceptions import Unauthorized
from openstack import exceptions
from openstack.connection import Connection

from support.demo_cloud import DemoCloud, demo_cloud_in_thread
from support.patience import FAR_S

pytestmark = [  # it warns of its own use of its own parts
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedFieldWarning"),
]

LISTS: dict[str, Callable[[Connection], Iterable[Any]]] = {
    "servers": lambda cloud: cloud.compute.servers(all_projects=True),
    "flavors": lambda cloud: cloud.compute.flavors(),
    "hypervisors": lambda cloud: cloud.compute.hypervisors(details=True),
    "networks": lambda cloud: cloud.network.networks(),
    "ports": lambda cloud: cloud.network.ports(),
    "routers": lambda cloud: cloud.network.routers(),
    "volumes": lambda cloud: cloud.block_storage.volumes(all_projects=True),
    "images": lambda cloud: cloud.image.images(),
    "providers": lambda cloud: cloud.placement.resource_providers(),
    "projects": lambda cloud: cloud.identity.projects(),
    "users": lambda cloud: cloud.identity.users(),
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[DemoCloud]:
    with demo_cloud_in_thread(200, 12, 20) as running:
        running.after(3600)
        yield running


@pytest.fixture
def clouds_yaml(cloud: DemoCloud, tmp_path: Path) -> Path:
    return cloud.clouds_yaml(tmp_path)


@pytest.fixture(scope="module")
def admin(cloud: DemoCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with closing(connected(cloud.clouds_yaml(tmp_path_factory.mktemp("admin")), "admin")) as connection:
        yield connection


def connected(clouds_yaml: Path, name: str) -> Connection:
    loader = openstack.config.OpenStackConfig(config_files=[str(clouds_yaml)])
    return Connection(config=loader.get_one(name))


@pytest.mark.parametrize("name", LISTS)
def test_sdk_lists_what_there_is(admin: Connection, name: str) -> None:
    found = [*LISTS[name](admin)]
    assert len({one.id for one in found}) == len(found) > 1
    assert all(one.name for one in found if name not in ("ports", "volumes"))


def test_server_is_created_waited_for_and_deleted(cloud: DemoCloud, clouds_yaml: Path) -> None:
    cloud.clock.step_s = 0.3
    with closing(connected(clouds_yaml, "user1")) as user:
        server = user.compute.create_server(**order(user))
        assert server.status is None  # as on a real one: the answer does not tell
        server = user.compute.wait_for_server(server, interval=0.01, wait=FAR_S)
        assert server.status == "ACTIVE"
        assert server.addresses
        assert user.network.ports(device_id=server.id)
        user.compute.delete_server(server)
        user.compute.wait_for_delete(server, interval=0.01, wait=FAR_S)
        with pytest.raises(exceptions.NotFoundException):
            user.compute.get_server(server.id)
    cloud.clock.step_s = 0.0


def test_refused_boot_is_an_error_of_the_sdk(cloud: DemoCloud, clouds_yaml: Path) -> None:
    cloud.cloud.faults.add({"fault": "refuse_boot", "refusal": "quota_instances", "count": 1})
    refused = pytest.raises(exceptions.ForbiddenException, match="Quota exceeded for instances")
    with closing(connected(clouds_yaml, "user1")) as user, refused:
        user.compute.create_server(**order(user))


def test_failed_boot_is_an_error_of_the_sdk(cloud: DemoCloud, clouds_yaml: Path) -> None:
    cloud.cloud.faults.add({"fault": "refuse_boot", "refusal": "build_aborted", "count": 1})
    cloud.clock.step_s = 0.3
    with closing(connected(clouds_yaml, "user1")) as user:
        server = user.compute.create_server(**order(user))
        with pytest.raises(exceptions.ResourceFailure):
            user.compute.wait_for_server(server, interval=0.01, wait=FAR_S)
        fault = user.compute.get_server(server.id).fault
        assert fault["message"].startswith(f"Build of instance {server.id} aborted: ")
        assert "details" not in fault  # for administrators alone
        user.compute.delete_server(server)
    cloud.clock.step_s = 0.0


def test_application_credential_is_a_way_in(clouds_yaml: Path) -> None:
    with closing(connected(clouds_yaml, "credential")) as user:
        assert {server.project_id for server in user.compute.servers()} == {user.current_project_id}


def test_wrong_password_is_said_to_be_wrong(clouds_yaml: Path) -> None:
    clouds_yaml.write_text(clouds_yaml.read_text().replace("password: demo", "password: wrong"))
    refused = pytest.raises((exceptions.SDKException, Unauthorized), match="401")
    with closing(connected(clouds_yaml, "user1")) as user, refused:
        _ = user.compute


def order(user: Connection) -> dict[str, Any]:
    """A small server."""
    network = next(one for one in user.network.networks() if one.project_id == user.current_project_id)
    return {
        "name": "made-by-a-test",
        "flavor_id": user.compute.find_flavor("t1.nano").id,
        "image_id": user.image.find_image("cirros").id,
        "networks": [{"uuid": network.id}],
    }
