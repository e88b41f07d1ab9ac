import json

import pytest
from pydantic import SecretBytes

from gateway.backend.graph.faults import refused
from gateway.backend.graph.settings import GraphSettings
from gateway.backend.http.response import Answer
from gateway.errors import BadCredentials, Misconfigured, Unavailable
from gateway.maildrop import Login

LOGIN = Login(b"kim@example.org", SecretBytes(b"secret"))


def failure(status, code, mailbox="name"):
    body = json.dumps({"error": {"code": code, "message": "…"}}).encode()
    answer = Answer(status, {}, body, "https://graph.microsoft.com/v1.0/x")
    return refused(answer, LOGIN, GraphSettings(mailbox=mailbox))


@pytest.mark.parametrize(
    ("status", "code", "mailbox", "kind"),
    [
        (404, "ErrorInvalidUser", "name", BadCredentials),
        (404, "Request_ResourceNotFound", "name", BadCredentials),
        (404, "ErrorInvalidUser", "me", Misconfigured),
        (404, "MailboxNotEnabledForRESTAPI", "name", Misconfigured),
        (404, "ErrorItemNotFound", "name", Misconfigured),
        (403, "ErrorAccessDenied", "name", Misconfigured),
        (400, "BadRequest", "me", Misconfigured),
        (410, "SyncStateNotFound", "me", Unavailable),
    ],
)
def test_kinds(status, code, mailbox, kind):
    found = failure(status, code, mailbox)
    assert type(found) is kind
    assert code in found.detail
    assert "secret" not in found.detail


def test_advice():
    assert "Mail.ReadWrite" in failure(403, "ErrorAccessDenied").detail
    assert 'mailbox = "name"' in failure(400, "BadRequest", "me").detail
    assert 'mailbox = "name"' not in failure(400, "BadRequest", "name").detail


@pytest.mark.parametrize(
    "octets", [b"", b"<html>", b"[]", b'{"error": 5}', b'{"error": {"code": 5}}']
)
def test_a_body_that_says_nothing(octets):
    found = refused(Answer(403, {}, octets, "x"), LOGIN, GraphSettings())
    assert type(found) is Misconfigured


def test_a_code_that_is_no_word():
    assert "\n" not in failure(403, "a\nb\u0007").detail


def test_a_code_that_is_no_text():
    assert type(failure(403, "\ud800")) is Misconfigured
