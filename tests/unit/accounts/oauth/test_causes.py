"""Refusals in plain words, and which of them the owner can mend."""

import pytest

from gateway.accounts.oauth import causes
from gateway.accounts.oauth.causes import refusal


def microsoft(number, name="invalid_grant"):
    text = f"AADSTS{number}: What it says. Trace ID: 00000000-0000. Timestamp: 2026-01-01"
    return {"error": name, "error_description": text, "error_codes": [number]}


# As documented: learn.microsoft.com/entra/identity-platform/reference-error-codes, and
# developers.google.com/identity/protocols/oauth2/web-server#authorization-errors.
@pytest.mark.parametrize(
    ("said", "status", "kind", "word"),
    [
        (
            {"error": "invalid_grant", "error_description": "Bad Request"},
            400,
            "consent",
            "consent",
        ),
        (
            {"error": "invalid_grant", "error_subtype": "invalid_rapt"},
            400,
            "consent",
            "rule of the organisation",
        ),
        ({"error": "access_denied"}, 400, "consent", "test users"),
        ({"error": "redirect_uri_mismatch"}, 400, "setup", "redirect URIs"),
        ({"error": "admin_policy_enforced"}, 400, "setup", "Workspace"),
        ({"error": "invalid_client"}, 401, "setup", "secret"),
        ({"error": "authorization_pending"}, 428, "pending", "yet"),
        ({"error": "slow_down"}, 403, "slow", "yet"),
        ({"error": "expired_token"}, 400, "ended", "begin again"),
        ({"error": "invalid_scope"}, 400, "setup", "permissions"),
        (microsoft(700082), 400, "consent", "90 days"),
        (microsoft(50173), 400, "consent", "password was changed"),
        (microsoft(50076, "interaction_required"), 400, "consent", "second factor"),
        (microsoft(65001), 400, "consent", "consented"),
        (microsoft(7000222, "invalid_client"), 401, "setup", "has ended"),
        (microsoft(7000215, "invalid_client"), 401, "setup", "not its id"),
        (microsoft(7000218, "invalid_client"), 401, "setup", "public client"),
        (microsoft(700016, "unauthorized_client"), 400, "setup", "client id"),
        (microsoft(50011), 400, "setup", "redirect URIs"),
        (microsoft(90002, "invalid_request"), 400, "setup", "tenant"),
        (microsoft(53003), 400, "setup", "conditional access"),
        (microsoft(50196), 400, "passing", "too often"),
        (microsoft(90033), 400, "passing", "fault"),
        (microsoft(70016, "authorization_pending"), 400, "pending", "yet"),
        (microsoft(99999999), 400, "consent", "withdrawn"),
        ({"error": "server_error"}, 500, "passing", "fault"),
        ({"error": "invalid_grant"}, 503, "passing", "fault"),
        ({"error": "invalid_grant"}, 429, "passing", "busy"),
        ({}, 400, "setup", "see the log"),
        ({"error": 7}, 400, "setup", "see the log"),
        ({"error": ["invalid_grant"], "error_codes": "x"}, 400, "setup", "see the log"),
    ],
)
def test_what_a_refusal_means(said, status, kind, word):
    refused = refusal(said, status)
    assert refused.kind == kind
    assert word in str(refused)


def test_the_code_is_for_the_log_and_short():
    said = {**microsoft(700082), "error_codes": [700082, True, "x", 50076, 50079, 65001]}
    assert refusal(said).code == "invalid_grant AADSTS700082 AADSTS50076 AADSTS50079"
    assert refusal({"error": "a b\n\x1b[31m"}, 418).code == "418"
    assert refusal({"error": "x" * 65}, 418).code == "418"


@pytest.mark.parametrize("table", [causes._ERRORS, causes._MICROSOFT])
def test_every_cause_says_what_to_do(table):
    for row in table.values():
        assert row.cause
        assert row.advice
        assert not row.cause.endswith(".")
        assert ": " not in row.cause  # the console shows the halves apart
