"""The probe on the embedded cloud, whose true moments are known: times, looks and requests.

Beside it: what a script with openstacksdk needs.
"""

import json
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any, Final

from openstack.config import OpenStackConfig
from openstack.connection import Connection
from probe_cloud import PROBED, USUAL_S, VM_OF_PROBE, ProbeCloud, probe_cloud
from processes import Running, exporter
from results import Result, at_least, at_most

BOOTS: Final = 50
SHORTEST, LONGEST = 0.1, 4.0
"""A boot takes between a tenth of the usual time and four times as long."""
BOOT_S: Final = 10.0
RUNS: Final = 3
_PATIENCE_S: Final = 150.0
_LOOK: Final = "/v2.1/servers/{server}"
_OF_10_S: Final = BOOT_S / USUAL_S


def api(running: Running, path: str = "", *, method: str = "GET") -> Any:
    """The answer of the API below /api/v1/probes."""
    url = f"http://127.0.0.1:{running.port}/api/v1/probes{path}"
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=60) as answer:
        return json.load(answer)


def until(claim: Callable[[], bool], within_s: float = _PATIENCE_S) -> None:
    """Wait for something. Raises RuntimeError if it does not come."""
    ends = time.monotonic() + within_s
    while not claim():
        if time.monotonic() > ends:
            raise RuntimeError(f"it has not happened within {within_s:g} s")
        time.sleep(0.1)


def ended(running: Running) -> list[dict[str, Any]]:
    """All runs that have ended; none of them failed."""
    runs = [run for probe in api(running)["probes"] for run in probe["runs"]]
    if failed := [run["failure"] for run in runs if run["outcome"] != "success"]:
        raise RuntimeError(f"a run failed: {failed[0]}")
    return runs


def _errors(cloud: ProbeCloud) -> list[float]:
    """Of each boot: how far the reported time to ACTIVE is from the true one, in steps."""
    probes = [{"name": f"boot{number}", "interval": "30s"} for number in range(BOOTS)]
    with tempfile.TemporaryDirectory() as folder:
        config = cloud.config(probes, limits={"vms_at_once": 100, "vm_hours_per_day": 1000})
        command = [sys.executable, *PROBED, f"--storage.path={folder}"]
        with exporter(config, command=command) as running:
            until(lambda: len({run["probe"] for run in ended(running)}) == BOOTS)
            runs = ended(running)
    vms = cloud.told()["vms"]
    found = []
    for run in runs:
        created, launched, _ = vms[run["vm_id"]]
        true_s = launched - created
        step_s = 0.25 if true_s <= 2 else 2.0
        found.append((true_s, abs(run["accepted_s"]["built"] - true_s) / step_s))
    lengths, errors = zip(*found, strict=True)
    print(f"{len(found)} boots of {min(lengths):.1f} to {max(lengths):.1f} s")
    return [*errors]


def _requests(cloud: ProbeCloud) -> tuple[int, int]:
    """Of runs one after the other: the most looks at a boot, the most requests besides looks."""
    looks, others = [], []
    with tempfile.TemporaryDirectory() as folder:
        config = cloud.config([{"name": "boot", "interval": "1h"}])
        command = [sys.executable, *PROBED, f"--storage.path={folder}"]
        with exporter(config, command=command) as running:
            for number in range(1, RUNS + 1):
                until(lambda wanted=number: len(ended(running)) == wanted)  # type: ignore[misc]
                run = ended(running)[-1]
                made = _between(cloud.told()["requests"], run["began"], run["ended"])
                looks.append(_looks(made, run["vm_id"]))
                others.append(len(made) - run["polls"])
                if number < RUNS:
                    api(running, "/boot/run", method="POST")
    print(f"runs of the probe: {looks} looks at a boot of {BOOT_S:g} s, {others} requests besides looks")
    return max(looks), max(others)


def _between(requests: Sequence[Any], began: float, ends: float) -> list[Any]:
    return [one for one in requests if began - 0.01 <= one[0] <= ends + 0.01]


def _looks(requests: Sequence[Any], vm_id: str) -> int:
    """How often a VM was looked at before it was deleted."""
    of_vm = [one for one in requests if (one[3], one[4]) == (_LOOK, vm_id)]
    return [one[2] for one in of_vm].index("DELETE")


def _by_sdk(cloud: ProbeCloud) -> tuple[int, float]:
    """What a script does without a thought: its requests, and the error of its time to ACTIVE in seconds."""
    began = time.time()
    region = OpenStackConfig(config_files=[str(cloud.clouds_file)], load_envvars=False).get_one("user1")
    with Connection(config=region) as sdk:
        image = sdk.image.find_image(VM_OF_PROBE["image"], ignore_missing=False)
        flavor = sdk.compute.find_flavor(VM_OF_PROBE["flavor"], ignore_missing=False)
        network = sdk.network.find_network(VM_OF_PROBE["network"], ignore_missing=False)
        server = sdk.compute.create_server(
            name="naive",
            image_id=image.id,
            flavor_id=flavor.id,
            networks=[{"uuid": network.id}],
            metadata={"stratoscope_tag": "stratoscope-vmprobe"},
        )
        accepted = time.monotonic()
        sdk.compute.wait_for_server(server)
        seen_s = time.monotonic() - accepted
        sdk.compute.delete_server(server)
        sdk.compute.wait_for_delete(server)
    told = cloud.told()
    created, launched, _ = told["vms"][server.id]
    return len(_between(told["requests"], began, time.time())), abs(seen_s - (launched - created))


def run() -> list[Result]:
    with probe_cloud(SHORTEST, LONGEST) as cloud:
        errors = _errors(cloud)
    with probe_cloud(_OF_10_S, _OF_10_S) as cloud:
        looks, others = _requests(cloud)
        of_sdk, error_s = _by_sdk(cloud)
    print(f"openstacksdk: {of_sdk} requests, its time to ACTIVE is {error_s:.2f} s from the true one")
    return [
        at_most("probe: time to ACTIVE, error at most", max(errors), 1, "steps"),
        at_most("probe: time to ACTIVE, median of the error", statistics.median(errors), 0.5, "steps"),
        at_most("probe: looks at a boot of 10 s", looks, 12, "polls"),
        at_most("probe: requests of a run besides looks", others, 16, "req"),
        at_most("probe: requests of a run, boot of 10 s", others + looks, 28, "req"),
        at_least("openstacksdk, naive: requests of a run, boot of 10 s", of_sdk, 1, "req"),
    ]
