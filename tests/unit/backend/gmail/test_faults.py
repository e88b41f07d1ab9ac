import json

import pytest

from gateway.backend.gmail.faults import explained
from gateway.errors import BadCredentials, Misconfigured, Throttled


def body(reason, detail=None, padding=0):
    error = {
        "code": 403,
        "message": "x" * padding,
        "errors": [{"message": "…", "domain": "global", "reason": reason}],
        "status": "PERMISSION_DENIED",
    }
    if detail:
        error["details"] = [{"@type": "type.googleapis.com/…ErrorInfo", "reason": detail}]
    return json.dumps({"error": error}, indent=2).encode()


@pytest.mark.parametrize(
    ("reason", "detail", "kind"),
    [
        ("rateLimitExceeded", None, Throttled),
        ("userRateLimitExceeded", None, Throttled),
        ("dailyLimitExceeded", None, Throttled),
        ("forbidden", "RATE_LIMIT_EXCEEDED", Throttled),
        ("forbidden", None, BadCredentials),
        ("insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", Misconfigured),
        ("forbidden", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", Misconfigured),
        ("accessNotConfigured", "SERVICE_DISABLED", Misconfigured),
        ("", None, Misconfigured),
    ],
)
def test_403(reason, detail, kind):
    failure = explained(403, body(reason, detail), by_name=True)
    assert type(failure) is kind
    assert reason in failure.detail


def test_whoever_owns_the_token_cannot_be_another_name():
    assert type(explained(403, body("forbidden"), by_name=False)) is Misconfigured


def test_a_body_that_is_cut_off():
    whole = body("userRateLimitExceeded", "x" * 3000)
    assert type(explained(403, whole[:400], by_name=True)) is Throttled


@pytest.mark.parametrize(
    "octets", [b"", b"<html>", b"\xff" * 50, b'{"error": []}', b"[" * 2000]
)
def test_a_body_that_says_nothing(octets):
    assert type(explained(403, octets, by_name=True)) is Misconfigured


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_other_statuses_say_all_themselves(status):
    assert explained(status, body("rateLimitExceeded"), by_name=True) is None
