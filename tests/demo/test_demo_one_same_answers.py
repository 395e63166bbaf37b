"""The embedded OpenNebula answers each call as a real oned did when it was recorded.

Compared are names, their order and types; of errors the whole text but its numbers.
"""

import re
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest

from demo.xml_shapes import differences
from stratoscope.demo.opennebula import states
from support.demo_one import ADMIN, DemoOne, demo_one_in_thread

FIXTURES = Path(__file__).parents[1] / "fixtures" / "opennebula"
BEGAN = 1_790_000_000.0
USER = "user1:demo"

POOLS = {
    "acl.info": ("acl.info",),
    "clusterpool.info": ("clusterpool.info",),
    "datastorepool.info": ("datastorepool.info",),
    "grouppool.info": ("grouppool.info",),
    "hostpool.info": ("hostpool.info",),
    "hostpool.monitoring": ("hostpool.monitoring", 0),
    "imagepool.info": ("imagepool.info", -2, -1, -1),
    "templatepool.info": ("templatepool.info", -2, -1, -1),
    "user.info": ("user.info", -1),
    "userpool.info": ("userpool.info",),
    "vmpool.info": ("vmpool.info", -2, -1, -1, -1),
    "vmpool.infoset": ("vmpool.infoset", "1,2,3,4,5", True),
    "vn.info-0": ("vn.info", 1),
    "vnpool.info": ("vnpool.info", -2, -1, -1),
    "zone.raftstatus": ("zone.raftstatus",),
    "zonepool.info": ("zonepool.info",),
    "objects/cluster.info": ("cluster.info", 100),
    "objects/datastore.info": ("datastore.info", 0),
    "objects/group.info": ("group.info", 100),
    "objects/host.info": ("host.info", 0),
    "objects/image.info": ("image.info", 0),
    "objects/template.info": ("template.info", 0),
    "objects/user.info": ("user.info", 2),
    "objects/vmpool.monitoring": ("vmpool.monitoring", -2, 0),
    "of-a-user/grouppool.info": ("grouppool.info",),
    "of-a-user/hostpool.info": ("hostpool.info",),
    "of-a-user/user.info": ("user.info", -1),
    "of-a-user/userpool.info": ("userpool.info",),
    "of-a-user/vmpool.info": ("vmpool.info", -2, -1, -1, -1),
}
"""The call by which each document was recorded, without what is the answering cloud's."""

KNOWN = {
    "vmpool.infoset": ("/VM_POOL/VM: ", "the fixture has ids and templates alone"),
    "templatepool.info": ("/VMTEMPLATE_POOL/VMTEMPLATE/TEMPLATE/DISK: ", "ours has the size of the disk"),
    "objects/template.info": ("/VMTEMPLATE/TEMPLATE/DISK: ", "the same"),
}
"""Where ours differs from the fixture, and why."""

READ = {
    "acl.info": "ACL/USER ACL/RESOURCE ACL/RIGHTS ACL/ZONE",
    "clusterpool.info": "CLUSTER/ID CLUSTER/NAME",
    "datastorepool.info": "DATASTORE/ID DATASTORE/NAME DATASTORE/TYPE DATASTORE/TOTAL_MB DATASTORE/FREE_MB "
    "DATASTORE/USED_MB DATASTORE/IMAGES/ID",
    "grouppool.info": "GROUP/ID GROUP/NAME QUOTAS/ID QUOTAS/VM_QUOTA/VM/VMS QUOTAS/VM_QUOTA/VM/VMS_USED "
    "DEFAULT_GROUP_QUOTAS/VM_QUOTA",
    "hostpool.info": "HOST/ID HOST/NAME HOST/STATE HOST/IM_MAD HOST/VM_MAD HOST/CLUSTER HOST/VMS/ID "
    "HOST/TEMPLATE/HYPERVISOR HOST/HOST_SHARE/TOTAL_CPU HOST/HOST_SHARE/MAX_CPU HOST/HOST_SHARE/CPU_USAGE "
    "HOST/HOST_SHARE/TOTAL_MEM HOST/HOST_SHARE/MAX_MEM HOST/HOST_SHARE/MEM_USAGE HOST/HOST_SHARE/RUNNING_VMS "
    "HOST/HOST_SHARE/DATASTORES/MAX_DISK HOST/HOST_SHARE/DATASTORES/DISK_USAGE "
    "HOST/HOST_SHARE/DATASTORES/USED_DISK",
    "hostpool.monitoring": "MONITORING/ID MONITORING/TIMESTAMP MONITORING/CAPACITY/USED_CPU "
    "MONITORING/CAPACITY/USED_MEMORY",
    "imagepool.info": "IMAGE/ID IMAGE/NAME IMAGE/UID IMAGE/UNAME IMAGE/GID IMAGE/TYPE IMAGE/PERSISTENT "
    "IMAGE/STATE IMAGE/SIZE IMAGE/MODTIME IMAGE/PERMISSIONS/OTHER_U IMAGE/PERMISSIONS/GROUP_U IMAGE/VMS/ID",
    "templatepool.info": "VMTEMPLATE/ID VMTEMPLATE/NAME VMTEMPLATE/PERMISSIONS/OTHER_U "
    "VMTEMPLATE/TEMPLATE/CPU VMTEMPLATE/TEMPLATE/MEMORY",
    "userpool.info": "USER/ID USER/NAME USER/ENABLED QUOTAS/ID DEFAULT_USER_QUOTAS/VM_QUOTA",
    "vmpool.info": "VM/ID VM/NAME VM/UID VM/UNAME VM/GID VM/GNAME VM/STATE VM/LCM_STATE VM/STIME "
    "VM/TEMPLATE/CPU VM/TEMPLATE/MEMORY VM/TEMPLATE/VCPU VM/TEMPLATE/DISK/DISK_ID VM/TEMPLATE/DISK/IMAGE_ID "
    "VM/TEMPLATE/DISK/DATASTORE VM/TEMPLATE/DISK/SIZE VM/TEMPLATE/NIC/IP VM/HISTORY_RECORDS/HISTORY/SEQ "
    "VM/HISTORY_RECORDS/HISTORY/HOSTNAME VM/HISTORY_RECORDS/HISTORY/CID",
    "objects/vmpool.monitoring": "MONITORING/ID MONITORING/TIMESTAMP MONITORING/CPU MONITORING/MEMORY "
    "MONITORING/NETRX MONITORING/NETTX MONITORING/DISKRDBYTES MONITORING/DISKWRBYTES MONITORING/DISKRDIOPS "
    "MONITORING/DISKWRIOPS",
    "vnpool.info": "VNET/ID VNET/NAME VNET/GID VNET/USED_LEASES VNET/AR_POOL/AR/AR_ID VNET/AR_POOL/AR/TYPE "
    "VNET/AR_POOL/AR/SIZE",
    "zonepool.info": "ZONE/ID ZONE/NAME ZONE/STATE ZONE/TEMPLATE/ENDPOINT",
    "zone.raftstatus": "STATE",
    "user.info": "ID GID GROUPS/ID DEFAULT_USER_QUOTAS/VM_QUOTA",
    "objects/group.info": "VM_QUOTA/VM/VMS VM_QUOTA/VM/VMS_USED DEFAULT_GROUP_QUOTAS/VM_QUOTA",
}
"""What exporters read of an answer: recorded and ours have it."""

NOT_MADE = {
    "delete_host_with_vms", "dup_host", "user_create_host", "restricted_attr", "template_bad_image_name"
}  # fmt: skip
"""Nobody creates or deletes hosts of the embedded cloud; attributes are not restricted, and name no names."""


@pytest.fixture(scope="module")
def one() -> Iterator[DemoOne]:
    with demo_one_in_thread(vms=200, hosts=12, projects=20, now=BEGAN) as found:
        yield found


def document(one: DemoOne, method: str, *args: object, session: str = ADMIN) -> Element:
    done, text, _ = one.ask(method, *args, session=session)[:3]
    assert done, text
    return fromstring(text)  # noqa: S314 - of our own cloud


def recorded(name: str) -> Element:
    return fromstring((FIXTURES / f"{name}.xml").read_text(encoding="utf-8"))  # noqa: S314 - a file of ours


def in_state(one: DemoOne, state: int, lcm_state: int = 0) -> int:
    """The number of a VM in a state."""
    vms, now = one.world.vms, one.world.now
    return next(vm.serial for vm in vms if states.of_vm(vm, now) == (state, lcm_state))


@pytest.mark.parametrize("name", sorted(POOLS))
def test_answer_has_the_shape_of_the_recorded_one(one: DemoOne, name: str) -> None:
    session = USER if name.startswith("of-a-user/") else ADMIN
    found = list(differences(recorded(name), document(one, *POOLS[name], session=session)))
    where = KNOWN[name][0] if name in KNOWN else None
    assert [line for line in found if where is None or not line.startswith(where)] == []
    assert bool(found) == (name in KNOWN)


@pytest.mark.parametrize("name", sorted(READ))
def test_answer_has_what_exporters_read(one: DemoOne, name: str) -> None:
    theirs, ours = recorded(name), document(one, *POOLS[name])
    missing = [path for path in READ[name].split() if None in (theirs.find(path), ours.find(path))]
    assert missing == []


@pytest.mark.parametrize("state", ["running", "pending", "done", "boot_failure", "poweroff", "hold"])
def test_vm_in_each_state_has_the_shape_of_the_recorded_one(one: DemoOne, state: str) -> None:
    number = {
        "running": lambda: in_state(one, states.ACTIVE, states.RUNNING),
        "pending": lambda: made(one, "CPU=64", 5.0),
        "done": lambda: ended(one),
        "boot_failure": lambda: in_state(one, states.ACTIVE, states.BOOT_FAILURE),
        "poweroff": lambda: in_state(one, states.POWEROFF),
        "hold": lambda: one.ask("template.instantiate", 0, "held", True, "", False)[1],
    }[state]()
    theirs, ours = recorded(f"objects/vm.info-{state}"), document(one, "vm.info", number)
    assert list(differences(theirs, ours)) == []
    for name in ("STATE", "LCM_STATE", "HISTORY_RECORDS/HISTORY/ACTION"):
        if state != "running" or "ACTION" not in name:  # whether it has migrated is data
            assert ours.findtext(name) == theirs.findtext(name), name


def made(one: DemoOne, text: str, seconds: float) -> int:
    done, number, _ = one.ask("template.instantiate", 0, "made", False, text, False)[:3]
    assert done, number
    one.after(seconds)
    return int(number)


def ended(one: DemoOne) -> int:
    number = made(one, "", 20.0)
    assert one.ask("vm.action", "terminate-hard", number)[0]
    one.after(5.0)
    return number


@pytest.mark.parametrize("name", ["vmpool.info", "hostpool.info", "imagepool.info", "vnpool.info"])
def test_pool_begins_with_the_greatest_number_as_the_recorded_one(one: DemoOne, name: str) -> None:
    for pool in (recorded(name), document(one, *POOLS[name])):
        numbers = [int(item.findtext("ID", "")) for item in pool]
        assert numbers == sorted(numbers, reverse=True)


def calls(one: DemoOne) -> dict[str, tuple[Any, ...]]:
    """By name of the recorded error: session, method and parameters that make ours."""
    running = next(
        vm.serial
        for vm in one.world.vms
        if vm.project.name != "astronomy"
        and states.of_vm(vm, one.world.now) == (states.ACTIVE, states.RUNNING)
    )
    held = one.ask("template.instantiate", 0, "held", True, "", False)[1]
    huge = one.ask("vm.allocate", "CPU=6400\nMEMORY=64", True)[1]
    sized = 'NAME="x"\nCPU="0.1"\nMEMORY="64"\n'
    info = (-2, -1, -1, -1)
    quota = ("reader:demo", "template.instantiate", 0, "mine", True, "", False)
    return {
        "action_unknown": (ADMIN, "vm.action", "explode", running),
        "action_wrong_state": (ADMIN, "vm.action", "resume", running),
        "bad_password": ("oneadmin:wrong", "vmpool.info", *info),
        "bad_state_filter": (ADMIN, "vmpool.info", -2, -1, -1, 77),
        "bad_template_syntax": (ADMIN, "vm.allocate", "CPU=[[1 MEMORY=64", False),
        "deploy_no_capacity": (ADMIN, "vm.deploy", huge, 0, True, 0, ""),
        "deploy_no_such_ds": (ADMIN, "vm.deploy", held, 0, True, 999999, ""),
        "deploy_offline_host": (ADMIN, "vm.deploy", held, 3, True, 0, ""),
        "deploy_wrong_state": (ADMIN, "vm.deploy", running, 0, True, 0, ""),
        "malformed_session": ("nonsense", "vmpool.info", *info),
        "missing_params": (ADMIN, "vm.allocate"),
        "no_more_leases": (ADMIN, "vm.allocate", f"{sized}NIC=[NETWORK_ID=2]", True),
        "no_such_host_deploy": (ADMIN, "vm.deploy", held, 999999, True, 0, ""),
        "no_such_template": (ADMIN, "template.instantiate", 999999, "x", False, "", False),
        "no_such_user": ("nobody:demo", "vmpool.info", *info),
        "no_such_vm": (ADMIN, "vm.info", 999999),
        "quota_alice_vm3": quota,
        "quota_alice_vm4": quota,
        "quota_alice_vm5": quota,
        "quota_cpu": (USER, "vm.allocate", 'NAME="x"\nCPU="5"\nMEMORY="64"', False),
        "quota_ips": (USER, "template.instantiate", 1, "ips", True, 'NIC=[NETWORK_ID="0"]', False),
        "template_bad_image": (ADMIN, "vm.allocate", f'{sized}DISK=[IMAGE_ID="99999"]', False),
        "template_bad_network": (ADMIN, "vm.allocate", f'{sized}NIC=[NETWORK_ID="99999"]', False),
        "template_missing_cpu": (ADMIN, "vm.allocate", 'NAME="x"\nMEMORY="64"', False),
        "template_missing_memory": (ADMIN, "vm.allocate", 'NAME="x"\nCPU="1"', False),
        "template_negative_cpu": (ADMIN, "vm.allocate", 'NAME="x"\nCPU="-1"\nMEMORY="64"', False),
        "unknown_method": (ADMIN, "nosuch.method"),
        "user_vm_of_other": (USER, "vm.info", running),
        "vmpool_bad_filter": (ADMIN, "vmpool.info", -9, -1, -1, -1),
        "wrong_type": (ADMIN, "vm.info", "abc"),
    }  # fmt: skip


def answer_of(body: Any) -> tuple[object, ...]:
    """A fault's code and text; of an answer what it has, without numbers in the text."""
    if isinstance(body, xmlrpc.client.Fault):
        return ("fault", body.faultCode, body.faultString)
    done, text, *rest = body
    return (done, re.sub(r"\d+", "N", text), *rest)


def test_errors_have_the_recorded_codes_and_texts(one: DemoOne) -> None:
    assert one.ask("host.status", 3, 2)[0]
    subnet = one.cloud.directory.networks[2].subnets[0]
    subnet.taken.update(range(subnet.total + 2))
    for _ in range(3):
        assert one.ask("template.instantiate", 0, "mine", True, "", False, session="reader:demo")[0]
    ours = {}
    for name, (session, method, *args) in calls(one).items():
        try:
            ours[name] = answer_of(one.ask(method, *args, session=session))
        except xmlrpc.client.Fault as fault:
            ours[name] = answer_of(fault)
    theirs = {}
    for file in sorted((FIXTURES / "errors").glob("*.xml")):
        try:
            (body,), _ = xmlrpc.client.loads(file.read_text(encoding="utf-8"))
            theirs[file.stem] = answer_of(body)
        except xmlrpc.client.Fault as fault:
            theirs[file.stem] = answer_of(fault)
    assert ours == {name: answer for name, answer in theirs.items() if name not in NOT_MADE}
    assert theirs.keys() >= NOT_MADE
