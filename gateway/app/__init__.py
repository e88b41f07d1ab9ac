"""The composition root: builds every room from the settings; starts, reloads and drains."""

from gateway.app.program import run
from gateway.app.upstreams import backend

__all__ = ["backend", "run"]
