"""The chart as a dependency of another one, as Argo CD, Flux and platform teams install charts."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.charts import CHART, IMAGES, entry, helm, refusal

pytestmark = pytest.mark.charts


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chart of a site, in which `stratoscope.enabled` decides whether ours is installed."""
    chart = tmp_path_factory.mktemp("site") / "site"
    shutil.copytree(CHART, chart / "charts/stratoscope")
    needs = {"name": "stratoscope", "version": "*", "condition": "stratoscope.enabled"}
    own = {"apiVersion": "v2", "name": "site", "version": "1.0.0", "dependencies": [needs]}
    (chart / "Chart.yaml").write_text(yaml.safe_dump(own))
    return chart


def kinds(site: Path, values: Mapping[str, Any]) -> set[str]:
    (site.parent / "values.yaml").write_text(yaml.safe_dump(values))
    done = helm("template", "rel", site, f"--values={site.parent / 'values.yaml'}")
    assert done.returncode == 0, done.stderr
    return {one["kind"] for one in yaml.safe_load_all(done.stdout) if one}


def test_another_chart_switches_it_on_and_off(site: Path) -> None:
    """Its `global` has keys that are for others, too."""
    of_all = {"storageClass": "fast", **IMAGES["global"]}
    ours = {"exporters": entry("management")["exporters"]}
    assert "Deployment" in kinds(site, {"global": of_all, "stratoscope": {"enabled": True, **ours}})
    assert kinds(site, {"global": of_all, "stratoscope": {"enabled": False, **ours}}) == set()


def test_alone_it_cannot_be_switched_off() -> None:
    """Nobody would look at `enabled`."""
    assert "at '/enabled': value must be true" in refusal({"enabled": False, **entry("management")})
