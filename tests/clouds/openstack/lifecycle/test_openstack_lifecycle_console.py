"""What Nova says of a console, and what the last look makes of it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from stratoscope.clouds.lifecycle import Object, Phase, RunReason, StepError, StepLeftOutError
from stratoscope.demo.openstack.http_request import HttpError, Request, Response
from stratoscope.demo.openstack.nova import server_actions
from stratoscope.demo.world.models import VM
from support.demo_cloud import demo_cloud
from support.openstack_steps import Steps
from support.openstack_vms import opened

Say = Callable[[Request, VM], Response]
NONE = "Guest does not have a console available."


class Console:
    """What the consoles of a cloud show. Attributes: say: The answer to the next requests."""

    def __init__(self) -> None:
        self.say: Say = lambda *_: Response({"output": ""})

    def answer(self, request: Request, vm: VM, _: object) -> Response:
        return self.say(request, vm)

    def fails(self, status: int, text: str) -> None:
        def say(*_: object) -> Response:
            raise HttpError(status, text)

        self.say = say


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    console = Console()
    monkeypatch.setattr(server_actions, "console_output", console.answer)
    return console


@pytest.fixture
async def steps(console: Console, tmp_path: Path) -> AsyncIterator[Steps]:  # noqa: ARG001 - it is there before the cloud
    async with demo_cloud() as demo, opened(demo, tmp_path) as cloud:
        steps = Steps(demo, cloud, console="login:")
        await steps.request()
        yield steps


@pytest.mark.parametrize("output", [None, "", "no such text"])
async def test_log_without_the_text_is_read_until_the_last_look_which_says_so(
    output: str | None, console: Console, steps: Steps
) -> None:
    console.say = lambda *_: Response({"output": output})
    assert not await steps.look(Phase.CONSOLE)
    with pytest.raises(
        StepError, match=f"has {len(output or '')} characters, and not the text 'login:'"
    ) as caught:
        await steps.last_look(Phase.CONSOLE)
    assert caught.value.reason is RunReason.TIMEOUT


async def test_log_of_a_megabyte_is_read(console: Console, steps: Steps) -> None:
    console.say = lambda *_: Response({"output": "\ufffd" * 1_000_000 + "login:"})
    assert await steps.look(Phase.CONSOLE)


async def test_console_that_nova_never_has_is_left_out_at_the_last_look(
    console: Console, steps: Steps
) -> None:
    console.fails(404, NONE)
    assert not await steps.look(Phase.CONSOLE)
    with pytest.raises(StepLeftOutError, match="does not have a console"):
        await steps.last_look(Phase.CONSOLE)


async def test_vm_that_was_shut_off_before_it_wrote_has_ended(console: Console, steps: Steps) -> None:
    console.fails(404, NONE)
    vm = steps.demo.world.vms.get(steps.run.vm_id)
    assert vm is not None
    vm.vm_state = "stopped"
    with pytest.raises(StepError, match="SHUTOFF") as caught:
        await steps.last_look(Phase.CONSOLE)
    assert caught.value.reason is RunReason.HYPERVISOR


async def test_vm_that_is_gone_is_said_at_once(console: Console, steps: Steps) -> None:
    console.fails(404, f"Instance {steps.run.vm_id} could not be found.")
    await steps.lifecycle.delete(Object("server", steps.run.vm_id))
    assert not await steps.look(Phase.CONSOLE)
    steps.demo.after(5)
    with pytest.raises(StepError, match="disappeared") as caught:
        await steps.look(Phase.CONSOLE)
    assert caught.value.reason is RunReason.UNKNOWN


async def test_404_of_a_gateway_is_an_error_of_the_service(console: Console, steps: Steps) -> None:
    console.fails(404, f"no route for /v2.1/servers/{steps.run.vm_id}/action")
    with pytest.raises(StepError, match="no route") as caught:
        await steps.look(Phase.CONSOLE)
    assert caught.value.reason is RunReason.API_ERROR
