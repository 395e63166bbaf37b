"""Credentials of probes: checked at the start, refused by oned, and in no log, error, page or metric."""

import logging
from pathlib import Path
from typing import Any

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.lifecycle import Phase, RunReason, StepError
from stratoscope.clouds.opennebula.lifecycle.description import Description
from stratoscope.core.config import decode
from stratoscope.core.errors import ConfigError
from stratoscope.vmprobe.phases import wanted_phases
from stratoscope.vmprobe.settings import Settings, parse
from support.fake_oned import PLAIN, failed, fake_oned
from support.one_run import verdict
from support.opennebula_vms import Probe, booted, opened, vms
from support.replayed_oned import SESSION, credentials

WRONG = "alice:wrong-secret"


def parsed(folder: Path, **probe: Any) -> Settings:
    entry = {"name": "one", "kind": "opennebula", "credentials_file": credentials(folder)}
    given = {"name": "boot", "cloud": "one", "template": "small", **probe}
    return parse({"clouds": [entry], "vmprobe": {"probes": [given]}}, {})


def test_a_probe_of_opennebula_is_configured(tmp_path: Path) -> None:
    settings = parsed(tmp_path, reachable={"icmp": True}, stop_start=True, timeouts={"scheduled": "2m"})
    (probe,) = settings.probes
    assert (probe.kind, probe.vm.flavor, probe.vm.zone) == ("opennebula", "small", "")
    assert wanted_phases(probe.vm) == [Phase.REACHABLE, Phase.STOPPED, Phase.STARTED]
    assert probe.timeouts[Phase.SCHEDULED] == 120


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"template": ""}, "vmprobe.probes[0].template: "),
        ({"flavor": "m1.tiny"}, "vmprobe.probes[0].flavor: unknown key"),
        ({"reachable": {"ssh": 22}}, "vmprobe.probes[0].reachable: ssh: OpenNebula shows nobody"),
        ({"timeouts": {"snapshot": "1m"}}, "vmprobe.probes[0].timeouts.snapshot: unknown key"),
        ({"timeouts": {"stopped": "1m"}}, "vmprobe.probes[0].timeouts.stopped: no step wants it"),
    ],
)
def test_a_mistake_in_a_probe_names_its_key(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(tmp_path, **keys)
    assert str(caught.value).startswith(message)


def test_another_credential_is_checked_at_the_start_and_swept_by_itself(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text(PLAIN)
    settings = parsed(tmp_path, host_rotation={"credentials_file": str(other)})
    assert settings.probes[0].vm.credential == str(other)
    assert [one.session.reveal() for one in settings.credentials] == [PLAIN]


@pytest.mark.parametrize(
    ("content", "why"), [(None, "No such file or directory"), ("alice", "no credential in it")]
)
def test_another_credential_that_cannot_be_used_is_named_and_not_cited(
    tmp_path: Path, content: str | None, why: str
) -> None:
    other = tmp_path / "other"
    if content is not None:
        other.write_text(content)
    with pytest.raises(ConfigError) as caught:
        parsed(tmp_path, credentials_file=str(other))
    assert str(caught.value).startswith(f"vmprobe.probes: boot: credentials_file: {other}: ")
    assert why in str(caught.value)


async def test_two_credentials_share_a_budget_and_each_has_its_own_vms(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text(PLAIN)
    async with fake_oned() as oned, opened(oned, SESSION) as zone:
        await booted(vms(zone))
        await booted(vms(zone, credentials_file=str(other)))
        assert [one.user_id for one in oned.living()] == [0, 2]
        assert zone.budget.stats.requests["oned", "template.instantiate", "200"] == 2


async def test_refused_password_is_auth_and_is_not_sent_again_for_5_minutes() -> None:
    now = 1000.0
    async with fake_oned() as oned, opened(oned, WRONG, clock=Clock(monotonic=lambda: now)) as zone:
        for _ in range(3):
            with pytest.raises(StepError, match="couldn't be authenticated") as caught:
                await vms(zone).authenticate()
            assert caught.value.reason is RunReason.AUTH
        assert oned.calls["user.info"] == 1
        now += 301
        with pytest.raises(StepError, match="couldn't be authenticated"):
            await vms(zone).authenticate()
        assert oned.calls["user.info"] == 2


async def test_password_stands_in_no_error_and_no_log_of_a_run(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = PLAIN.partition(":")[2]
    async with fake_oned() as oned:
        oned.fail("template.instantiate", failed(0x2000, f"cannot parse {PLAIN} nor {secret}"))
        ended = await Probe(oned).run()
        assert verdict(ended)[:2] == (Phase.REQUEST, RunReason.API_ERROR)
        assert "cannot parse <secret>" in str(ended.failure)
        assert secret not in f"{ended}{caplog.text}"
        assert "system.config" not in oned.calls  # its answer has ONE_KEY


async def test_wrong_password_stands_in_no_error() -> None:
    async with fake_oned() as oned:
        ended = await Probe(oned, WRONG).run()
        assert verdict(ended) == (Phase.AUTHENTICATE, RunReason.AUTH, "project")
        assert "wrong-secret" not in str(ended)


def test_a_description_has_no_more_than_its_template() -> None:
    described = decode(Description, {"template": "small"}, "vmprobe.probes[0]")
    assert (described.host, described.credential, wanted_phases(described)) == ("", "", [])
