"""What is written about metrics names those that there are, and all of them."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from gateway.metrics.table import COUNTED, GAUGES

TOP = Path(__file__).parents[3]
DASHBOARD = json.loads((TOP / "deploy/grafana/pop3-gateway.json").read_text())
RULES = TOP / "deploy/prometheus/rules.yml"
METRICS = {metric.full_name: metric for metric in (*COUNTED, *GAUGES)}
SELECTED = re.compile(r"(pop3_gateway_\w+?)(?:_bucket|_sum|_count)?(?=\W|$)(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*(?:=|!=|=~|!~)\s*\"")
GROUPED = re.compile(r"\bby \(([^)]*)\)")
FROM_PROMETHEUS = {"job", "instance", "le"}


def expressions():
    """Each query with where it stands."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for each in DASHBOARD["annotations"]["list"]:
        yield each["name"], each["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


@pytest.mark.parametrize(("where", "query"), list(expressions()))
def test_every_query_asks_for_metrics_and_labels_that_there_are(where, query):
    found = SELECTED.findall(query)
    assert found or where == "Pop3GatewayDown"
    known = set(FROM_PROMETHEUS)
    for name, selector in found:
        assert name in METRICS, (where, name)
        known |= set(METRICS[name].labels)
        assert set(LABEL.findall(selector)) <= {*METRICS[name].labels, *FROM_PROMETHEUS}
    for labels in GROUPED.findall(query):
        assert {label.strip() for label in labels.split(",")} <= known, (where, query)


def test_the_dashboard_shows_every_metric():
    shown = {name for _, query in expressions() for name, _ in SELECTED.findall(query)}
    assert set(METRICS) <= shown


def test_its_panels_do_not_overlap():
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.servers
@pytest.mark.parametrize(
    ("what", "name"), [("rules", "rules.yml"), ("config", "prometheus.yml")]
)
def test_prometheus_takes_the_files(what, name):
    shown = subprocess.run(
        ["promtool", "check", what, str(RULES.with_name(name))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr


def test_the_document_has_a_line_for_each_and_no_other():
    text = (TOP / "docs/metrics.md").read_text()
    told = re.findall(
        r"^\| `(pop3_gateway_\w+)` \| (\w+) \| (.*?) \| (.*) \|$", text, re.MULTILINE
    )
    assert told == [
        (name, metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.help)
        for name, metric in METRICS.items()
    ]
