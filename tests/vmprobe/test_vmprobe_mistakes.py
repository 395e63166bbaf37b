"""Mistakes in the section `vmprobe`: a file for each, and beside it the one line that is said of it."""

from pathlib import Path

import pytest

from stratoscope.core import app
from stratoscope.core.app import settings_of
from stratoscope.core.errors import ConfigError
from stratoscope.core.flags import Flags
from stratoscope.vmprobe import PROGRAM
from stratoscope.vmprobe.exporter import EXPORTER
from support import configs, logs
from support.asking import USERS

FOLDER = "bad_vmprobe"
CLOUDS_YAML = """
clouds:
  admin: &one
    region_name: one
    auth: {auth_url: "http://127.0.0.1:5000/v3", username: a, password: s3cr3t, project_name: a,
           user_domain_name: Default, project_domain_name: Default}
  user: *one
"""


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither this machine's variables nor its files."""
    configs.nothing_around(monkeypatch, tmp_path)
    (tmp_path / "clouds.yaml").write_text(CLOUDS_YAML)


@pytest.mark.parametrize("name", configs.names(FOLDER))
def test_a_mistake_is_one_line_that_names_the_key_and_what_is_allowed(name: str) -> None:
    file = configs.sample(FOLDER, name)
    with pytest.raises(ConfigError) as refused:
        settings_of(EXPORTER, Flags.parse(PROGRAM, [f"--config.file={file}"]))
    said = str(refused.value)
    configs.assert_message(said, name, FOLDER)
    assert said.isprintable()
    assert "s3cr3t" not in said


def test_it_ends_the_check_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    file = configs.sample(FOLDER, "interval_too_short")
    with logs.as_it_was():
        assert app.main(EXPORTER, Flags.parse(PROGRAM, [f"--config.file={file}", "--config.check"])) == 2
    said = configs.message("interval_too_short", file, FOLDER)
    assert capsys.readouterr() == ("", f"stratoscope vmprobe: {said}\n")


def test_there_is_no_message_without_its_file() -> None:
    texts = {path.stem for path in configs.sample(FOLDER, "tab").parent.glob("*.txt")}
    assert texts == {*configs.names(FOLDER)}


def test_an_operator_as_whom_nobody_can_log_in_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, users = tmp_path / "probe.yml", tmp_path / "web.yml"
    file.write_text(
        "clouds: [{name: uni, kind: openstack, os_cloud: admin, clouds_file: clouds.yaml}]\n"
        "vmprobe: {operators: [alice, alcie], probes: [{name: a, cloud: uni, flavor: f, image: i}]}\n"
    )
    users.write_text(USERS)
    flags = [
        f"--config.file={file}",
        f"--web.config.file={users}",
        "--config.check",
        f"--storage.path={tmp_path}",
    ]
    with logs.as_it_was():
        assert app.main(EXPORTER, Flags.parse(PROGRAM, flags)) == 0
    err = capsys.readouterr().err
    assert "alcie has the role operator, but is no user of the web configuration" in err
    assert "alice has" not in err
