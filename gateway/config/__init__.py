"""The settings: one typed tree, read from defaults, one TOML file and the command line."""

from gateway.config.addresses import ListenAddress, SystemdSocket, parse_listen
from gateway.config.loading import load
from gateway.config.problems import ConfigError, Problem
from gateway.config.tree import FLAGS, LogSettings, Settings, StateSettings, UpstreamSettings
from gateway.config.upstream_url import UpstreamUrl

__all__ = [
    "FLAGS",
    "ConfigError",
    "ListenAddress",
    "LogSettings",
    "Problem",
    "Settings",
    "StateSettings",
    "SystemdSocket",
    "UpstreamSettings",
    "UpstreamUrl",
    "load",
    "parse_listen",
]
