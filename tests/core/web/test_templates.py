"""Templates and what pages load: escaped, complete, in the wheel, readable in both schemes."""

import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from importlib import resources
from pathlib import Path
from re import DOTALL, findall, search, sub

import jinja2
import pytest

import stratoscope
from stratoscope.core.web.templates import Frame, Templates
from support.html_page import parsed
from support.style import STYLE, colours, contrast

ROOT = Path(__file__).parents[3]
TEMPLATES = sorted(Path(next(iter(stratoscope.__path__))).rglob("*.html"))
FRAME = Frame("stratoscope vmprobe", "1.2.3", "Creates VMs.", {"/": "Probes", "/collectors": "Collectors"})

TEXT_ON = [
    ("ink", "page"),
    ("ink", "card"),
    ("ink", "failed-back"),
    ("ink", "waiting-back"),
    ("dim", "page"),
    ("dim", "card"),
    ("link", "page"),
    ("link", "card"),
    ("ok", "card"),
    ("ok", "ok-back"),
    ("failed", "page"),
    ("failed", "card"),
    ("failed", "failed-back"),
    ("waiting", "card"),
    ("waiting", "waiting-back"),
    ("left-out", "card"),
    ("left-out", "left-out-back"),
]


@pytest.fixture
def vmprobe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of templates of an exporter's package, `an_exporter`."""
    folder = tmp_path / "an_exporter" / "templates"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "an_exporter", raising=False)
    return folder


def test_page_of_an_exporter_stands_in_the_frame_of_core(vmprobe: Path) -> None:
    (vmprobe / "probes.html").write_text(
        '{% extends "base.html" %}{% from "parts.html" import state %}'
        '{% block main %}<h2>{{ name }}</h2> {{ state("ok", "works") }} {{ took_s | duration }}{% endblock %}'
    )
    page = parsed(Templates("an_exporter").render("probes.html", frame=FRAME, name="<boot>", took_s=0.042))
    assert page.one("title").text == "stratoscope vmprobe"
    assert page.one("h1").text == "stratoscope vmprobe 1.2.3"
    assert [link.text for link in page.one("nav").all("a")] == ["Probes", "Collectors"]
    assert page.one("main").text == "<boot> ✓ works 42 ms"
    assert page.all("p", role="alert") == []


def test_warning_stands_before_the_page_of_any_exporter(vmprobe: Path) -> None:
    (vmprobe / "probes.html").write_text('{% extends "base.html" %}{% block main %}probes{% endblock %}')
    warned = Frame("a", "1", "Does.", warnings=["no TLS on :1", "the <disk> is full"])
    page = parsed(Templates("an_exporter").render("probes.html", frame=warned))
    assert page.one("main").text == "no TLS on :1 the <disk> is full probes"


def test_template_of_an_exporter_does_not_take_the_place_of_one_of_core(vmprobe: Path) -> None:
    (vmprobe / "base.html").write_text("mine")
    (vmprobe / "probes.html").write_text('{% extends "base.html" %}{% block main %}{% endblock %}')
    assert "<h1>" in Templates("an_exporter").render("probes.html", frame=FRAME)


def test_value_that_is_not_given_is_an_error(vmprobe: Path) -> None:
    (vmprobe / "probes.html").write_text('{% extends "base.html" %}{% block main %}{{ nmae }}{% endblock %}')
    with pytest.raises(jinja2.UndefinedError, match="nmae"):
        Templates("an_exporter").render("probes.html", frame=FRAME, name="boot")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_template_neither_escapes_by_hand_nor_brings_styles_or_scripts_nor_loads_from_elsewhere(
    template: Path,
) -> None:
    text = sub(r"\{#.*?#\}", "", template.read_text(), flags=DOTALL)
    assert not search(r"\|\s*(safe|e|escape|forceescape)\b|autoescape|Markup", text)
    assert not search(r"<(style|script|iframe|object|embed)|\b(style|on\w+)=|//|javascript:|data:", text)


def test_no_code_calls_a_text_safe_or_escapes_it_itself() -> None:
    code = [file for root in stratoscope.__path__ for file in Path(root).rglob("*.py")]
    assert [file.name for file in code if search("Markup|html import escape", file.read_text())] == []


def test_files_that_pages_load_change_their_address_with_their_content(vmprobe: Path) -> None:
    (vmprobe / "probes.html").write_text('{% extends "base.html" %}{% block main %}{% endblock %}')
    templates = Templates("an_exporter")
    assert {path: file.content_type for path, file in templates.files.items()} == {
        "/static/style.css": "text/css",
        "/static/icon.svg": "image/svg+xml",
    }

    def address() -> str:
        page = parsed(templates.render("probes.html", frame=FRAME))
        return page.one("link", rel="stylesheet").attributes["href"]

    before = address()
    assert before == address()
    templates.files = {
        path: replace(file, content=file.content + b"\n") for path, file in templates.files.items()
    }
    assert before.startswith("/static/style.css?v=")
    assert address().startswith("/static/style.css?v=")
    assert address() != before


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "back"), TEXT_ON)
def test_text_can_be_read_on_what_is_behind_it(scheme: str, text: str, back: str) -> None:
    found = colours(scheme)
    assert contrast(found[text], found[back]) >= 4.5


def test_each_colour_has_one_for_the_dark() -> None:
    light, dark = findall(r":root \{(.*?)\}", STYLE, DOTALL)
    assert findall(r"--[\w-]+", light) == findall(r"--[\w-]+", dark)
    assert "#" not in STYLE.rpartition(":root")[2].partition("}")[2]


def test_style_sheet_loads_nothing() -> None:
    assert not search(r"url\(|@import|@font-face", STYLE)


def test_black_on_white_is_the_greatest_contrast() -> None:
    assert contrast("000000", "ffffff") == pytest.approx(21)
    assert contrast("777777", "ffffff") == pytest.approx(4.48, abs=0.005)


def test_wheel_holds_templates_and_files(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    environment = os.environ | {"HATCH_BUILD_NO_HOOKS": "true"}  # they would write into the tree
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    web = Path(str(resources.files("stratoscope.core.web")))
    ours = {f"stratoscope/core/web/{file.relative_to(web)}" for file in web.glob("[st]*/*.[chs]*[ls]*")}
    assert "stratoscope/core/web/templates/base.html" in ours
    assert ours <= names


@pytest.mark.parametrize("arguments", [["--help"], ["hypervisor", "--help"], ["demo-cloud", "--help"]])
def test_help_needs_no_templates(arguments: list[str]) -> None:
    program = (
        "import sys; sys.modules['jinja2'] = None\n"
        f"from stratoscope.__main__ import main; sys.exit(main({arguments!r}))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, capture_output=True).returncode == 0
