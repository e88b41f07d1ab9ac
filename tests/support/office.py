"""Questions to an office: by curl, as Prometheus and administrators do."""

import json
import subprocess

from prometheus_client.parser import text_string_to_metric_families


def get(url, *options):
    """Status and body."""
    shown = subprocess.run(
        ["curl", "-sSk", "-m", "15", "-w", "\n%{http_code}", *options, url],
        capture_output=True,
        text=True,
        check=False,
    )
    body, _, status = shown.stdout.rpartition("\n")
    return int(status or 0), body or shown.stderr


def worker(gateway, number, path, *options):
    """What a worker says at its hatch."""
    hatch = gateway.directory / "state" / "run" / f"worker-{number}.sock"
    status, body = get(f"http://worker/{path}", "--unix-socket", str(hatch), *options)
    assert status == 200, body
    return json.loads(body)


def sessions(gateway, workers):
    """Those of all workers."""
    return [one for number in range(workers) for one in worker(gateway, number, "sessions")]


def metrics(gateway):
    """The values on the page by the name and the labels, `name{a="b"}`."""
    status, body = get(gateway.metrics)
    assert status == 200, body
    found = {}
    for family in text_string_to_metric_families(body):
        for sample in family.samples:
            labels = ",".join(f'{key}="{value}"' for key, value in sample.labels.items())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found
