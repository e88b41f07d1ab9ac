"""The main job at its usual size: fetchmail drains 1,000 mixed messages, byte for byte."""

import pytest

from tests.support.mail import realistic_mix
from tests.support.readers import Account, drain_fetchmail

pytestmark = pytest.mark.servers


def differing(delivered, messages):
    """The numbers of those that differ; the messages would be too much to read."""
    pairs = zip(delivered, messages, strict=True)
    return [number for number, (one, other) in enumerate(pairs, 1) if one != other]


def test_fetchmail_keeps_and_then_deletes(gateway, dovecot, make_user, tmp_path):
    messages = realistic_mix(1000)
    user = make_user(messages)
    account = Account(gateway.host, gateway.port, *user)
    for delete in (False, True):
        home = tmp_path / f"delete {delete}".replace(" ", "-")
        home.mkdir()
        delivered = drain_fetchmail(account, home, delete=delete, batch=True)
        assert len(delivered) == len(messages)
        assert differing(delivered, messages) == []
        left = dovecot.messages_left(user[0])
        assert len(left) == (0 if delete else len(messages))
        assert delete or differing(left, messages) == []
    gateway.wait_for_log("removed=1000")
