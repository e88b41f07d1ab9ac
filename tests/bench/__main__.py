"""``python -m tests.bench``: measure the gateway against its peers and print one table."""

import argparse
import json
import os
import signal
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

from tests.bench import scenarios, scenarios_memory
from tests.bench.bench import QUICK, Bench, Scale
from tests.bench.figures import table
from tests.bench.machine import description

SCENARIOS = {
    "poll": scenarios.poll,
    "far-poll": scenarios.far_poll,
    "drain": scenarios.drains,
    "far-drain": scenarios.far_drain,
    "huge": scenarios.huge,
    "slow-readers": scenarios_memory.slow_readers,
    "idle": scenarios_memory.idle,
    "tls-poll": scenarios.tls_poll,
    "tls-drain": scenarios.tls_drains,
    "delete": scenarios.deletions,
}


def arguments():
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, 2 minutes")
    parser.add_argument(
        "--only",
        action="append",
        choices=SCENARIOS,
        metavar="NAME",
        help=f"may be repeated: {', '.join(SCENARIOS)}",
    )
    parser.add_argument("--repeat", type=int, metavar="N", help="runs of each front-end")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all samples, and the rows")
    parser.add_argument(
        "--serve-flags",
        default="",
        metavar="FLAGS",
        help="more flags for the gateway, such as '--log-level error'",
    )
    return parser.parse_args()


def main():
    wanted = arguments()
    scale = QUICK if wanted.quick else Scale()
    if wanted.repeat:
        scale = replace(scale, repeat=wanted.repeat)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    failed = []
    load, started = os.getloadavg()[0], time.monotonic()
    with Bench(scale, wanted.serve_flags.split()) as bench:
        for front in bench.fronts():
            bench.check_refusal(front)
        how = bench.fronts()[0].meter.how
        chosen = {name: SCENARIOS[name] for name in wanted.only or SCENARIOS}
        try:
            for name, scenario in chosen.items():
                failed += attempt(bench, name, scenario)
        except KeyboardInterrupt:
            failed.append(f"{name} and what follows (interrupted)")
    print(table(bench.rows))
    print()
    print(description(how) % (load, os.getloadavg()[0]))
    print(f"- taken: {scale.repeat} runs of each, {time.monotonic() - started:.0f} s in all")
    if failed:
        print(f"- failed, and so without figures: {', '.join(failed)}")
    if wanted.json:
        wanted.json.write_text(_json(bench))
    return 1 if failed else 0


def attempt(bench, name, scenario):
    """Run it; a scenario that goes wrong has no figures, and the others still have theirs."""
    try:
        scenario(bench)
    except Exception as error:
        bench.say(f"{name} FAILED: {error!r}")
        return [name]
    return []


def _json(bench):
    return json.dumps(
        {
            "rows": [row.as_dict() for row in bench.rows],
            "samples": {
                scenario: {
                    label: [asdict(run) for run in runs] for label, runs in found.items()
                }
                for scenario, found in bench.samples.items()
            },
        },
        indent=1,
    )


if __name__ == "__main__":
    sys.exit(main())
