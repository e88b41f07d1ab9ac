"""Defaults, then one TOML file, then flags: to settings, or to the list of all mistakes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from gateway.config.account_rules import ACCOUNT_RULES
from gateway.config.alarm_rules import ALARM_RULES
from gateway.config.explain import explain, shown
from gateway.config.oauth_rules import OAUTH_RULES
from gateway.config.office_rules import OFFICE_RULES
from gateway.config.problems import ConfigError, Problem
from gateway.config.rules import RULES
from gateway.config.source import Source, Tree, take, without
from gateway.config.tree import Settings


def load(path: Path | None, overrides: Mapping[str, object] | None = None) -> Settings:
    """The effective settings.

    Args:
        path: A TOML file, or None.
        overrides: Values by dotted key (`{"upstream.url": …}`) that win over the file.

    Raises:
        ConfigError: With every mistake there is.
    """
    source = Source.read(path, overrides or {})
    tree = source.tree()
    try:
        settings = _build(tree)
    except ValidationError as error:
        mistakes = explain(error, source)
        raise ConfigError([*mistakes, *_further(tree, mistakes, source)]) from None
    problems = _broken_rules(settings, source, frozenset())
    if problems:
        raise ConfigError(problems)
    return settings


def _build(tree: Tree) -> Settings:
    # By way of JSON, because strict mode there takes lists for tuples and strings for
    # paths, but no "yes" for true and no true for 1.
    return Settings.model_validate_json(json.dumps(tree, default=str), strict=True)


def _further(tree: Tree, mistakes: Sequence[Problem], source: Source) -> Sequence[Problem]:
    """The rules that the rest breaks, with the defaults in place of what is wrong."""
    bad = frozenset(problem.key for problem in mistakes)
    try:
        return _broken_rules(_build(without(tree, bad)), source, bad)
    except ValidationError:
        return ()


def _broken_rules(settings: Settings, source: Source, bad: frozenset[str]) -> Sequence[Problem]:
    tree = source.tree()
    # Without an entry that is wrong, rules about all entries cannot be judged.
    unknown = bad | {key.partition("[")[0] for key in bad}
    return [
        source.problem(breach.key, shown(breach.key, take(tree, breach.key)), *breach.text)
        for rule in (*RULES, *ACCOUNT_RULES, *OAUTH_RULES, *OFFICE_RULES, *ALARM_RULES)
        if not unknown.intersection(rule.reads)
        for breach in rule.check(settings)
    ]
