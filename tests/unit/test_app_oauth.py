"""What the directory's door gets of OAuth2."""

import json

import pytest
import pytest_twisted
from pydantic import SecretBytes

from gateway.accounts.model import Account
from gateway.accounts.oauth.fetch import Answer
from gateway.accounts.settings import AccountsSettings
from gateway.app.oauth import introspection
from gateway.errors import Misconfigured
from gateway.maildrop import BearerToken

KIM = Account("Kim", mailbox="kim@example.org")
SHOWN = BearerToken(SecretBytes(b"to\xffken"))


def settings(tmp_path, **more):
    own = {"endpoint": "https://idp.example/introspect", "scope": "mail", **more}
    return AccountsSettings(introspection=own)


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("kim", True),
        ("KIM@example.org", True),
        ("pat", False),
        ("kim@example.or", False),
        ("\N{KELVIN SIGN}im", False),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_token_is_the_account_s_or_its_mailbox_s(tmp_path, name, whose):
    async def fetch(request):
        return Answer(
            200, json.dumps({"active": True, "username": name, "scope": "mail"}).encode()
        )

    ask = introspection(settings(tmp_path), fetch)
    assert await ask(KIM, SHOWN) == whose


@pytest_twisted.ensureDeferred
async def test_the_secret_comes_from_a_file(tmp_path):
    heard = []

    async def fetch(request):
        heard.append(request)
        return Answer(200, b'{"active": true, "username": "kim", "scope": "mail"}')

    file = tmp_path / "secret"
    file.write_text("s3cret\n")
    own = settings(tmp_path, client_id="me", client_secret_file=file, basic=False)
    assert await introspection(own, fetch)(KIM, SHOWN)
    assert b"client_secret=s3cret" in heard[0].body
    file.unlink()
    with pytest.raises(Misconfigured):
        introspection(own, fetch)


def test_without_an_endpoint_nobody_is_asked():
    assert introspection(AccountsSettings(), None) is None
