"""The dashboard, the alerts and the scraping ask for what runs tell, and for nothing else."""

from __future__ import annotations

import ast
import inspect
import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

from fsp_ray.raydata import metrics

from .commands import ROOT, check_line
from .manifests import pods, read_yaml

FOLDER = ROOT / "infra" / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))
(ALERTS,) = read_yaml(FOLDER / "alerts.yaml")
(PROMETHEUS,) = read_yaml(FOLDER / "prometheus.yaml")
QUERIES = [
    *((p["title"], t["expr"]) for p in DASHBOARD["panels"] for t in p["targets"]),
    *((rule["alert"], rule["expr"]) for group in ALERTS["groups"] for rule in group["rules"]),
]
each_query = pytest.mark.parametrize("query", [q for _, q in QUERIES], ids=[n for n, _ in QUERIES])
# Told by Ray itself, by its node_exporter-like agent, and by kube-state-metrics.
OF_OTHERS = {
    "ray_node_cpu_utilization": set[str](),
    "ray_node_mem_used": set[str](),
    "ray_object_store_memory": set[str](),
    "kube_cronjob_status_last_successful_time": {"namespace", "cronjob"},
}
OF_EVERY_SERIES = {"instance", "job", "le"}
KINDS = {"_counter": ("_total",), "_gauge": ("",), "_histogram": ("_bucket", "_sum", "_count")}
WORDS = {
    *("sum", "max", "by", "rate", "max_over_time", "histogram_quantile", "time", "unless"),
}


@dataclass(frozen=True)
class Told:
    """One metric of ours: its names at Prometheus, and its labels."""

    names: frozenset[str]
    labels: frozenset[str]


def _told() -> list[Told]:
    """Read from the source of metrics.py what it declares; Ray puts `ray_` before it."""
    found: dict[str, Told] = {}
    for node in ast.walk(ast.parse(inspect.getsource(metrics))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id in KINDS and isinstance(node.args[0], ast.Name):
            name = getattr(metrics, node.args[0].id)
            labels = [ast.literal_eval(argument) for argument in node.args[2:]]
            ends = KINDS[node.func.id]
            found[name] = Told(frozenset(f"ray_{name}{end}" for end in ends), frozenset(labels))
    return list(found.values())


LABELS = {
    **OF_OTHERS,
    **{name: set(told.labels) for told in _told() for name in told.names},
}


def _names(query: str) -> set[str]:
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|without) *\([^)]*\)', " ", query)
    return set(re.findall(r"[a-z_]{2,}", bare)) - WORDS


def _labels(query: str) -> set[str]:
    selected = re.findall(r"(\w+) *(?:=~|!~|!=|=)", " ".join(re.findall(r"\{([^}]*)\}", query)))
    grouped = re.findall(r"\w+", " ".join(re.findall(r"\bby *\(([^)]*)\)", query)))
    return {*selected, *grouped}


def test_metrics_are_declared() -> None:
    declared = {v for v in vars(metrics).values() if re.fullmatch("fsp_[a-z_]+", str(v))}
    assert len(declared) >= 8
    assert len(_told()) == len(declared)
    assert "ray_fsp_frames_total" in LABELS


def test_the_dashboard_shows_every_metric() -> None:
    shown = {name for _, query in QUERIES for name in _names(query)}
    for told in _told():
        assert told.names & shown, f"nobody looks at {set(told.names)}"


@each_query
def test_a_query_asks_for_what_is_told(query: str) -> None:
    names = _names(query)
    assert names
    assert names <= set(LABELS), names - set(LABELS)
    allowed = OF_EVERY_SERIES.union(*(LABELS[name] for name in names))
    assert _labels(query) <= allowed, _labels(query) - allowed
    for opening, closing in ("()", "[]", "{}"):
        assert query.count(opening) == query.count(closing)


@each_query
def test_prometheus_own_grammar_reads_it(query: str) -> None:
    parser = pytest.importorskip("promql_parser", reason="promql-parser is not installed")
    parser.parse(query.replace("$__rate_interval", "1m").replace("$__range", "24h"))


def test_a_counter_is_never_summed_over_runs_by_increase() -> None:
    # A run is a new series: increase() would not count its first value.
    assert not [query for _, query in QUERIES if "increase(" in query]


def test_panels_lie_side_by_side() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_panels_ask_the_source_that_is_chosen() -> None:
    (variable,) = DASHBOARD["templating"]["list"]
    source = {"type": "prometheus", "uid": f"${{{variable['name']}}}"}
    for panel in DASHBOARD["panels"]:
        assert panel["datasource"] == source
        assert all(target["datasource"] == source for target in panel["targets"])
        assert panel["description"]


def test_legends_name_labels_that_are_kept() -> None:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert named <= _labels(target["expr"]) | {"instance"}


def test_scraping_finds_the_pods_of_the_manifests() -> None:
    kubernetes, nodes = PROMETHEUS["scrape_configs"]
    (discovery,) = kubernetes["kubernetes_sd_configs"]
    assert discovery == {"role": "pod", "namespaces": {"names": ["fsp"]}}
    keep = [rule for rule in kubernetes["relabel_configs"] if rule.get("action") == "keep"]
    assert [rule["regex"] for rule in keep] == ["metrics"]
    for path in sorted((ROOT / "infra" / "kuberay").glob("ray*.yaml")):
        for document in read_yaml(path):
            for pod in pods(document):
                if pod.containers[0]["name"].startswith("ray-job"):
                    continue
                ports = {port["name"]: port["containerPort"] for port in pod.containers[0]["ports"]}
                assert ports["metrics"] == 8080
    (compose,) = read_yaml(ROOT / "infra" / "compose" / "compose.yaml")
    for target in nodes["static_configs"][0]["targets"]:
        name, _, port = target.partition(":")
        assert f"--metrics-export-port={port}" in compose["services"][name]["command"]


def test_what_an_alert_says_to_do_can_be_done() -> None:
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
            assert rule["labels"]["severity"] in {"warning", "critical"}
            for line in re.findall(r"fsp [a-z].*", rule["annotations"].get("description", "")):
                check_line(line)
