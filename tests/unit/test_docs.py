"""The documents agree with the program."""

import pkgutil
import re
import textwrap
from importlib import import_module
from pathlib import Path

import pytest
import tomlkit

import gateway
from gateway.config import FLAGS
from gateway.config.profile_reference import HEAD, profile_reference
from gateway.config.profiles import SHIPPED, load_profile, shipped
from gateway.config.reference import reference
from gateway.config.tree import header, sections
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
            title = f"\n## {header(f'{table}.{name}')}\n"
            assert f"\n### {name}\n" in text or title in text
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
        # The second is run by alembic alone.
        if module.name not in {"gateway.__main__", "gateway.accounts.store.migrations.env"}:
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


class TestProfiles:
    TEXT = (DOCS / "profiles.md").read_text()

    def test_the_reference_is_current(self):
        """If not: pop3-gateway config-reference --profiles, in place of the page's end."""
        assert self.TEXT[self.TEXT.index(HEAD) :] == profile_reference()

    def test_every_profile_is_told_of_and_how_far_it_was_tried(self):
        rows = re.findall(r"^\| `([a-z0-9-]+)` \| ([^|]+?) \|", self.TEXT, re.MULTILINE)
        told = {name: tried for name, tried in rows if name in shipped()}
        expected = {}
        for name in shipped():
            profile = load_profile(name)
            verified = f"{profile.name} {profile.verified}"
            expected[name] = verified if profile.verified else "**unverified**"
        assert told == expected

    def test_the_example_becomes_the_profile_that_comes_with_the_gateway(self, tmp_path):
        """The blocks of the ten minutes, put together, are Sendria's but for its password."""
        example = self.TEXT[self.TEXT.index("## Write one") : self.TEXT.index("**6. ")]
        first, pages = (
            textwrap.dedent(block)
            for block in re.findall(r"\n((?:    .*\n|\n)+)", example)
            if "[list]" in block
        )
        made = tomlkit.parse(first).unwrap()
        more = tomlkit.parse(pages).unwrap()
        made["list"] |= more["list"]
        made["raw"] |= {"newlines": "lf"}
        shipped_one = tomlkit.parse((SHIPPED / "sendria.toml").read_text()).unwrap()
        assert made["list"] == shipped_one["list"]
        assert made["raw"] == shipped_one["raw"]
        assert made["delete"] == shipped_one["delete"]
