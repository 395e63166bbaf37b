"""The embedded OpenNebula on the wire: what is no call, faults on demand, the page about it."""

import xmlrpc.client

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout

from stratoscope.core.errors import ConfigError
from support.demo_one import ADMIN, DemoOne, demo_one
from support.patience import FAR_S

POOL = ("one.vmpool.info", -2, -1, -1, -1)


async def answered(one: DemoOne, session: ClientSession, *call: object) -> tuple[int, str]:
    """Status and body of a call."""
    method, *args = call or POOL
    body = xmlrpc.client.dumps((ADMIN, *args), str(method))
    async with session.post(one.endpoint, data=body, timeout=ClientTimeout(FAR_S)) as response:
        return response.status, await response.text()


def text_of(body: str) -> str:
    ((done, text, *_),), _ = xmlrpc.client.loads(body)
    assert done
    return str(text)


async def test_answer_is_oneds_envelope() -> None:
    async with demo_one(vms=3) as one, ClientSession() as session:
        status, body = await answered(one, session)
        assert status == 200
        assert "<value><boolean>1</boolean></value>" in body
        assert "<value><i4>0</i4></value>" in body
        assert text_of(body).startswith("<VM_POOL><VM><ID>")
        await answered(one, session, "one.nosuch.method")
        await answered(one, session, "one.vm.info", 12345)
        assert one.cloud.request_counts == {
            ("one.vmpool.info", 0): 1, ("one.nosuch.method", -506): 1, ("one.vm.info", 0x400): 1
        }  # fmt: skip


@pytest.mark.parametrize("body", ["", "nonsense", "<methodCall>", "<html></html>"])
async def test_what_is_no_call_is_400(body: str) -> None:
    async with demo_one(vms=0) as one, ClientSession() as session:
        async with session.post(one.endpoint, data=body) as response:
            assert response.status == 400
        async with session.get(one.endpoint) as response:
            assert response.status == 405


async def test_page_about_it_names_the_endpoint_and_the_faults() -> None:
    async with demo_one(vms=0) as one, ClientSession() as session, session.get(one.url) as response:
        text = await response.text()
        assert "An embedded OpenNebula" in text
        assert f"{one.endpoint}   " in text
        assert f"{one.url}/demo/faults   " in text


async def test_http_faults_are_for_one_method_and_so_often() -> None:
    async with demo_one(vms=1) as one, ClientSession() as session:
        one.cloud.faults.add(
            {"fault": 503, "path": "one.vmpool", "count": 2, "retry_after": 7, "service": "oned"}
        )
        assert (await answered(one, session, "one.hostpool.info"))[0] == 200
        assert [(await answered(one, session))[0] for _ in range(3)] == [503, 503, 200]


async def test_answer_is_cut_off_or_no_xml_or_has_a_malformed_item() -> None:
    async with demo_one(vms=3) as one, ClientSession() as session:
        one.cloud.faults.add({"fault": "cut", "count": 1})
        with pytest.raises(ClientError):
            await answered(one, session)
        one.cloud.faults.add({"fault": "garbage", "count": 1})
        assert text_of((await answered(one, session))[1]).startswith("<html>")
        whole = text_of((await answered(one, session))[1])
        changes = {
            "no_flavor": "<TEMPLATE>", "no_id": "<ID>", "no_object": "<NAME>"
        }  # fmt: skip
        for variant, gone in changes.items():
            one.cloud.faults.add({"fault": "malformed_item", "variant": variant, "count": 1})
            broken = text_of((await answered(one, session))[1])
            assert broken.count(gone) < whole.count(gone), variant
        one.cloud.faults.add({"fault": "malformed_item", "variant": "odd_state", "count": 1})
        assert text_of((await answered(one, session))[1]).count("<STATE>99</STATE>") == 1
        one.cloud.faults.add({"fault": "malformed_item", "variant": "huge_name", "count": 1})
        assert len(text_of((await answered(one, session))[1])) > 10 << 20
        one.cloud.faults.add({"fault": "malformed_item", "variant": "null_host", "count": 1})
        assert text_of((await answered(one, session))[1]).count("<HOSTNAME") == whole.count("<HOSTNAME>")
        assert text_of((await answered(one, session))[1]) == whole


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"fault": "cut", "service": "compute"}, "service: unknown: compute; allowed: oned"),
        ({"fault": "refuse_boot", "refusal": "policy"}, "refusal: unknown: policy; allowed: "),
        ({"fault": "down", "service": "oned", "host": "nope"}, "host: unknown: nope; allowed: cn01, "),
    ],
)
async def test_fault_of_another_kind_of_cloud_is_refused(fault: dict[str, object], message: str) -> None:
    async with demo_one(vms=0) as one:
        with pytest.raises(ConfigError, match=f"^{message}"):
            one.cloud.faults.add(fault)
