"""Optional steps of probes on the embedded OpenStack, done one after the other on a VM that runs."""

import time
from dataclasses import replace
from typing import Any

from stratoscope.clouds.abilities import Step
from stratoscope.clouds.lifecycle import Mark, Object, Phase, Underway
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.clouds.openstack.lifecycle.vms import OpenStackVMs
from stratoscope.clouds.steps.last_look import LAST_S
from stratoscope.core.deadline import DEADLINE
from support.demo_cloud import DemoCloud
from support.openstack_vms import MARK, vms

LOOK_S = 0.5
MOST_LOOKS = 60


class Steps:
    """A run on a cloud, as far as its steps need it. Attributes: run: What it has so far."""

    def __init__(self, demo: DemoCloud, cloud: OpenStack, mark: Mark = MARK, **described: Any) -> None:
        self.demo, self.mark = demo, mark
        self.lifecycle: OpenStackVMs = vms(cloud, **described)
        self.run: Underway

    @property
    def by_phase(self) -> dict[Phase, Step]:
        return {step.phase: step for step in self.lifecycle.steps}

    @property
    def objects(self) -> list[Object]:
        return [*self.run.objects.values()]

    async def resolve(self) -> None:
        self.run = Underway(self.mark, await self.lifecycle.resolve())

    async def request(self) -> None:
        """Resolve, do what comes before the request, request the VM, and wait until it runs."""
        await self.resolve()
        for step in self.lifecycle.steps:
            if step.is_before_request:
                await self.do(step.phase)
        self.run = replace(self.run, vm_id=await self.lifecycle.request(self.run))
        self.demo.after(20)
        await self.see()

    async def see(self) -> None:
        seen = await self.lifecycle.see(self.run.vm_id)
        assert seen is not None
        self.run = replace(self.run, seen=seen)

    async def begin(self, phase: Phase) -> Object | None:
        one = await self.by_phase[phase].begin(self.run)
        if one is not None:
            self.run = replace(self.run, objects={**self.run.objects, phase: one})
        return one

    async def look(self, phase: Phase) -> bool:
        return await self.by_phase[phase].has_ended(self.run)

    async def last_look(self, phase: Phase) -> bool:
        """A look when the time of the phase is nearly over."""
        token = DEADLINE.set(time.monotonic() + LAST_S - 0.5)
        try:
            return await self.look(phase)
        finally:
            DEADLINE.reset(token)

    async def do(self, phase: Phase) -> int:
        """Do a step. Returns how many looks did not show its end."""
        await self.begin(phase)
        for number in range(MOST_LOOKS):
            if await self.look(phase):
                return number
            self.demo.after(LOOK_S)
        raise AssertionError(f"{phase} does not end")

    async def end(self) -> None:
        """Delete the VM, and then the objects, until nothing is left."""
        await self.lifecycle.delete(Object("server", self.run.vm_id))
        self.demo.after(5)
        for one in self.objects:
            await self.lifecycle.delete(one)
        self.demo.after(5)
        assert await self.lifecycle.left(self.run.vm_id, self.objects) == []
