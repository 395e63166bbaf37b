"""The Dockerfile makes the images that the chart asks for; `make images` builds and starts them."""

import json
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest
from oci import rights

from stratoscope.programs import EXPORTERS
from support.charts import container_of, entry, rendered
from support.debian import ROOT
from support.kubernetes_page import commands, rendered_by

pytestmark = pytest.mark.charts

LINES: Final = re.sub(r" *\\\n *", " ", (ROOT / "Dockerfile").read_text()).splitlines()
WORDS: Final = [line.split(maxsplit=1) for line in LINES if line and line[0] != "#"]
VENV: Final = (ROOT / "scripts/image-venv").read_text()


def stages() -> Mapping[str, list[tuple[str, str]]]:
    """The instructions of each stage by its name; the first of them is FROM."""
    found: dict[str, list[tuple[str, str]]] = {}
    for instruction, words in WORDS:
        if instruction == "FROM":
            found[words.rpartition(" AS ")[2]] = []
        if found:
            found[[*found][-1]].append((instruction, words))
    return found


def of_stage(name: str, instruction: str) -> list[str]:
    return [words for one, words in stages()[name] if one == instruction]


def test_base_is_pinned() -> None:
    (base,) = [words for one, words in WORDS if one == "ARG" and words.startswith("BASE=")]
    assert re.fullmatch(r"BASE=docker\.io/library/debian:trixie-slim@sha256:[0-9a-f]{64}", base)
    assert [words for one, words in WORDS if one == "FROM" and "$" in words] == ["${BASE} AS python"]


def test_each_exporter_of_the_chart_has_a_stage() -> None:
    assert {*stages()} == {"python", "build", *EXPORTERS, *(f"build-{one}" for one in EXPORTERS)}


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_image_is_what_a_pod_starts(exporter: str) -> None:
    container = container_of(rendered(entry(exporter)))
    (port,) = of_stage(exporter, "EXPOSE")
    assert [one["containerPort"] for one in container["ports"]] == [int(port)]
    assert of_stage(exporter, "USER") == ["65534:65534"]
    assert "HOME=/nonexistent" in " ".join(of_stage("python", "ENV"))  # for a user that /etc/passwd lacks
    assert of_stage("python", "ENTRYPOINT") == ['["stratoscope"]']
    (command,) = of_stage(exporter, "CMD")
    assert json.loads(command) == [exporter] == container["args"][:1]
    assert import_module(EXPORTERS[exporter]).PROGRAM.port == int(port)


def test_program_is_found_and_may_write_to_its_folder_of_state() -> None:
    (path,) = of_stage("python", "ENV")
    assert path.startswith("PATH=/opt/stratoscope/bin:")
    (folder,) = of_stage("python", "WORKDIR")
    assert f"install --directory --owner=65534 --group=65534 {folder} " in of_stage("python", "RUN")[0]


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_nothing_of_a_build_but_the_environment_is_in_an_image(exporter: str) -> None:
    assert of_stage(exporter, "FROM") == [f"python AS {exporter}"]
    assert of_stage(exporter, "COPY") == [f"--from=build-{exporter} /opt/stratoscope /opt/stratoscope"]
    installed = " ".join(words for stage in ("python", exporter) for words in of_stage(stage, "RUN"))
    assert not re.findall(r"\b(gcc|\S+-dev|python3-venv|python3-pip)\b", installed)
    after = [one for one, _ in stages()[exporter]]
    assert "RUN" not in after[after.index("USER") :]


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_only_locked_packages_are_installed(exporter: str) -> None:
    assert of_stage(f"build-{exporter}", "FROM") == [f"build AS build-{exporter}"]
    assert of_stage(f"build-{exporter}", "RUN") == [f"/build/bin/image-venv {exporter}"]
    assert (ROOT / f"requirements/{exporter}.txt").exists()
    lines = re.sub(r" *\\\n *", " ", VENV).splitlines() + of_stage("build", "RUN")
    for line in (line for line in lines if "/build/bin/pip" in line):
        assert {"--require-hashes", "--no-index", "--no-deps"} & {*line.split()}, line


def test_what_is_copied_is_there_and_reaches_the_build() -> None:
    taken = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = {Path(one) for words in of_stage("build", "COPY") for one in words.split()[:-1]}
    assert {Path(one) for one in taken} == copied
    assert all((ROOT / one).exists() for one in copied)


def test_page_pushes_the_images_that_the_pods_of_the_other_page_pull() -> None:
    page = (ROOT / "docs/images.md").read_text()
    pushed = re.findall(r"^ *docker push (\S+)$|docker://(\S+)$", page, re.MULTILINE)
    assert len(pushed) == 2
    installed = [one for one in commands("helm", "upgrade", "--install") if not one[1].startswith("oci:")]
    pulled = {*re.findall(r"image: \"(.+)\"", "".join(rendered_by(*one) for one in installed))}
    for first, second in pushed:
        assert {(first or second).replace("$exporter", one) for one in EXPORTERS} == pulled


def test_image_that_the_page_starts_is_one_that_it_builds() -> None:
    page = (ROOT / "docs/images.md").read_text()
    (built,) = re.findall(r"--tag=(\S+)", page)
    (started,) = re.findall(r"(\S+) \\\n +management --config", page)
    assert started == built.replace("$exporter", "management")


def test_no_program_of_an_image_gives_rights(tmp_path: Path) -> None:
    """`make images` asks each image; the first stage takes them away, and none comes later but libvirt0."""
    (run,) = of_stage("python", "RUN")
    assert run.index(" install ") < run.index("&& find / -xdev -type f -perm /6000 -exec chmod a-s {} +")
    for mode, name in ((0o755, "ls"), (0o4755, "su"), (0o2755, "chage"), (0o666, "passwd"), (0o644, "hosts")):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    for mode, name in ((0o1777, "tmp"), (0o777, "open"), (0o2775, "local")):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    (tmp_path / "link").symlink_to("su")
    assert sorted(rights.given(tmp_path)) == [
        "chage: who starts it gets other rights",
        "open: all may write there",
        "passwd: all may write there",
        "su: who starts it gets other rights",
    ]
