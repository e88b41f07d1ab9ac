"""Where it was measured, and with what."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from tests.support.dovecot import PROGRAM


def description(how):
    """Lines of Markdown; ``how`` is where the CPU figures come from."""
    cpus = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.partition(": ")[2] for line in cpus if line.startswith("model name")), "?"
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    dovecot = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    pieces = {
        "machine": f"{model}, {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()} "
        f"{platform.release().partition('-')[0]}",
        "versions": f"CPython {platform.python_version()}, Twisted {version('twisted')}, "
        f"pyOpenSSL {version('pyopenssl')}, Dovecot {dovecot.stdout.split()[0]}, "
        f"gateway {_commit()}",
        "CPU time": how,
        "load": "%.1f before, %.1f after (one-minute average)",
    }
    return "\n".join(f"- {name}: {text}" for name, text in pieces.items())


def _commit():
    shown = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip() or version("pop3-gateway")
