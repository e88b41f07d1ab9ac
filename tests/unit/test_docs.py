"""The documents agree with the program."""

import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest

import gateway
from gateway.config import FLAGS
from gateway.config.reference import reference
from gateway.config.tree import sections
from gateway.pop3 import replies
from gateway.telemetry import Event

DOCS = Path(__file__).parents[2] / "docs"


def test_the_configuration_reference_is_current():
    """If not: pop3-gateway config-reference > docs/configuration.md."""
    assert (DOCS / "configuration.md").read_text() == reference()


def test_the_configuration_reference_has_every_key_and_flag():
    text = reference()
    for table, section in sections().items():
        for name in section.model_fields if table else ():
            assert f"\n### {name}\n" in text or f"\n## [{table}.{name}]\n" in text
    assert all(f"`{flag}`" in text for flag in FLAGS.values())


def negative_replies():
    rows = {row.reply for row in replies.FAILURES.values()}
    constants = {value for value in vars(replies).values() if isinstance(value, bytes)}
    return sorted(
        reply.decode().strip() for reply in rows | constants if reply.startswith(b"-ERR")
    )


@pytest.mark.parametrize("reply", negative_replies())
def test_operations_explain_every_negative_reply(reply):
    assert f"`{reply}`" in (DOCS / "operations.md").read_text()


def test_operations_explain_no_reply_that_does_not_exist():
    told = re.findall(r"`(-ERR [^`]+)`", (DOCS / "operations.md").read_text())
    assert set(told) <= set(negative_replies())


def test_operations_name_only_settings_that_exist():
    known = {
        f"{table}.{name}"
        for table, section in sections().items()
        for name in section.model_fields
    }
    text = (DOCS / "operations.md").read_text()
    told = re.findall(r"`((?:listen|limits|pop3|upstream|state|log)\.[a-z_.]+)`", text)
    assert told
    assert set(told) <= known


def test_operations_explain_every_event():
    for module in pkgutil.walk_packages(gateway.__path__, "gateway."):
        if module.name != "gateway.__main__":
            import_module(module.name)
    events = {
        (event.name(), event.level)
        for event in Event.__subclasses__()
        if event.__module__.startswith("gateway.")
    }
    text = (DOCS / "operations.md").read_text()
    missing = {f"| `{name}` | {level} |" for name, level in events} - set(
        re.findall(r"\| `[a-z_0-9]+` \| [a-z]+ \|", text)
    )
    assert not missing
