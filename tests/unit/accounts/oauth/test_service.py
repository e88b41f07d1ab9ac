"""Signing in: by a browser, by a device code, as the client itself."""

import base64
import hashlib
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from pydantic import SecretStr

from gateway.accounts.oauth.causes import SignInRefused
from gateway.accounts.oauth.fetch import Answer
from gateway.accounts.oauth.service import Pending, Waiting
from gateway.errors import Misconfigured, Unavailable
from tests.unit.accounts.oauth.desk import EPOCH, ISSUER, SECRET, error, run

BACK = "http://127.0.0.1:8080/sign-in/back"


def begun(desk):
    url, pending = run(desk.sign_in.begin_code("kim", BACK))
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    desk.idp.nonce = asked["nonce"]
    return asked, pending


def finish(desk, pending, query=None, **more):
    query = f"code=c1&state={pending.state}" if query is None else query
    return run(desk.sign_in.finish_code(pending, query, **more))


def test_where_the_browser_goes(desk):
    desk.register()
    url, _ = run(desk.sign_in.begin_code("Kim", BACK))
    assert url.startswith(f"{ISSUER}/authorize?")
    asked, _ = begun(desk)
    assert asked["response_type"] == "code"
    assert asked["client_id"] == "gateway"
    assert asked["redirect_uri"] == BACK
    assert asked["scope"] == "openid offline_access email"
    assert asked["code_challenge_method"] == "S256"
    assert asked["login_hint"] == "kim@example.org"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    assert SECRET not in url


def test_what_google_and_microsoft_want_besides(desk):
    desk.register("google", "imaps://imap.gmail.com", issuer="")
    asked, _ = begun(desk)
    assert (asked["access_type"], asked["prompt"]) == ("offline", "consent")
    desk.register("microsoft", "imaps://outlook.office365.com", issuer="", tenant="t.example")
    url, _ = run(desk.sign_in.begin_code("kim", BACK))
    assert url.startswith("https://login.microsoftonline.com/t.example/oauth2/v2.0/authorize?")
    assert "prompt=select_account" in url


def test_the_verifier_belongs_to_the_challenge(desk):
    """RFC 7636 §4.6, calculated again."""
    desk.register()
    asked, pending = begun(desk)
    finish(desk, pending)
    [form] = desk.idp.posts
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
    assert form["redirect_uri"] == BACK
    assert form["code"] == "c1"
    assert form["client_secret"] == SECRET


def test_a_consent_is_kept(desk):
    desk.register()
    desk.idp.more = {"refresh_token_expires_in": 604_799, "scope": "mail openid"}
    _, pending = begun(desk)
    finish(desk, pending)
    row = desk.row()
    assert row.refresh == SecretStr("refresh-1")
    assert row.access == SecretStr("access-1")
    assert row.expires == EPOCH + 3600
    assert row.consent_ends == EPOCH + 604_799
    assert row.subject == "kim@example.org"
    assert row.scopes == ("mail", "openid")
    assert (row.flow, row.obtained, row.refreshed) == ("code", EPOCH, EPOCH)
    assert desk.names() == ["consent_given"]
    assert run(desk.keeper.token("kim")) == b"access-1"


def test_what_has_begun_survives_the_page(desk):
    desk.register()
    _, pending = begun(desk)
    again = Pending.from_json(pending.to_json())
    assert again == pending
    assert pending.verifier not in repr(pending)
    assert pending.state not in repr(pending)
    for text in ("{}", "[]", "x", '{"account": "kim"}'):
        with pytest.raises(ValueError, match=r"."):
            Pending.from_json(text)


@pytest.mark.parametrize(
    "query",
    ["", "code=c1", "code=c1&state=other", "state={state}", "error=access_denied&state=other"],
)
def test_what_was_not_begun_here_is_not_finished(desk, query):
    desk.register()
    _, pending = begun(desk)
    with pytest.raises(SignInRefused):
        finish(desk, pending, query.format(state=pending.state))
    assert desk.idp.posts == []
    assert desk.row() is None
    assert desk.names() == ["sign_in_failed"]


def test_a_refusal_on_the_provider_s_page_is_told_in_plain_words(desk):
    desk.register()
    _, pending = begun(desk)
    query = f"error=access_denied&error_description=%3Cscript%3E&state={pending.state}"
    with pytest.raises(SignInRefused, match="refused or broken off") as caught:
        finish(desk, pending, query)
    assert "script" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "failure", "word"),
    [
        (error("invalid_client", 401), SignInRefused, "client id or secret"),
        (error("redirect_uri_mismatch"), SignInRefused, "redirect"),
        (error("invalid_grant"), SignInRefused, "begin again"),
        (Answer(503, b""), SignInRefused, "later"),
        (Answer(200, b"<html>"), Unavailable, "no JSON"),
    ],
)
def test_a_refusal_at_the_token_endpoint(desk, answer, failure, word):
    desk.register()
    _, pending = begun(desk)
    desk.idp.refuse = answer
    with pytest.raises(failure, match=word):
        finish(desk, pending)
    assert desk.row() is None


def test_a_sign_in_does_not_wait_for_ever(desk):
    desk.register()
    _, pending = begun(desk)
    desk.clock.advance(1801)
    with pytest.raises(SignInRefused, match="too long"):
        finish(desk, pending)
    assert desk.idp.posts == []


def test_the_wrong_owner_is_refused_unless_that_is_wanted(desk):
    desk.register()
    desk.idp.claims = {"email": "pat@example.org", "sub": "2"}
    _, pending = begun(desk)
    with pytest.raises(SignInRefused, match=r"pat@example\.org has signed in"):
        finish(desk, pending)
    assert desk.row() is None
    finish(desk, pending, any_mailbox=True)
    assert desk.row().subject == "pat@example.org"


def test_another_nonce_is_another_sign_in(desk):
    desk.register()
    _, pending = begun(desk)
    desk.idp.nonce = "other"
    with pytest.raises(SignInRefused, match="another sign-in"):
        finish(desk, pending)
    assert desk.row() is None


@pytest.mark.parametrize(
    ("claims", "userinfo", "good"),
    [
        ({"sub": "1"}, {"sub": "1", "email": "kim@example.org"}, True),
        ({"sub": "1"}, {"sub": "2", "email": "kim@example.org"}, False),
        ({"sub": "1"}, {"email": "kim@example.org"}, False),
        (
            {"sub": "1"},
            {"sub": "1", "email": "kim@example.org", "email_verified": False},
            False,
        ),
        ({"sub": "kim@example.org"}, {}, True),
        ({"sub": "1", "preferred_username": "KIM@example.org"}, {}, True),
    ],
)
def test_a_token_without_an_address_is_completed_by_userinfo(desk, claims, userinfo, good):
    desk.register()
    desk.idp.claims, desk.idp.userinfo = claims, userinfo
    _, pending = begun(desk)
    if good:
        finish(desk, pending)
    else:
        with pytest.raises(SignInRefused):
            finish(desk, pending)


def test_without_an_id_token_userinfo_tells(desk):
    desk.register()
    desk.idp.leave_out = ("id_token",)
    desk.idp.userinfo = {"sub": "9", "email": "kim@example.org"}
    _, pending = begun(desk)
    finish(desk, pending)
    assert desk.row().subject == "kim@example.org"


def test_a_consent_that_would_end_in_an_hour_is_none(desk):
    desk.register()
    desk.idp.leave_out = ("refresh_token",)
    _, pending = begun(desk)
    with pytest.raises(SignInRefused, match="no refresh token"):
        finish(desk, pending)
    assert desk.row() is None


def test_a_box_that_was_not_ticked(desk):
    """Google lets owners agree to a part (developers.google.com, "granular permissions")."""
    desk.register("google", "imaps://imap.gmail.com")
    desk.idp.more = {"scope": "openid https://www.googleapis.com/auth/userinfo.email"}
    _, pending = begun(desk)
    with pytest.raises(SignInRefused, match="tick all boxes"):
        finish(desk, pending)
    desk.idp.more = {"scope": "openid https://mail.google.com/"}
    finish(desk, pending)


def test_a_provider_that_was_changed_meanwhile(desk):
    desk.register()
    _, pending = begun(desk)
    with pytest.raises(SignInRefused, match="another provider"):
        finish(desk, replace(pending, provider="other"))


def test_who_cannot_sign_in(desk):
    desk.register()
    desk.add("pat", credential="client")
    for name in ("nobody", "pat"):
        with pytest.raises(Misconfigured):
            run(desk.sign_in.begin_code(name, BACK))
    with pytest.raises(Misconfigured, match="https"):
        run(desk.sign_in.begin_code("kim", "http://console.example/back"))


def test_a_public_client_has_no_secret(desk):
    desk.register(client_secret=None)
    _, pending = begun(desk)
    finish(desk, pending)
    [form] = desk.idp.posts
    assert form["client_id"] == "gateway"
    assert "client_secret" not in form


# By a device code.


def test_a_device_code(desk):
    desk.register()
    pending = run(desk.sign_in.begin_device("kim"))
    assert (pending.user_code, pending.uri) == ("WDJB-MJHT", f"{ISSUER}/enter")
    assert (pending.interval, pending.expires) == (5, EPOCH + 600)
    assert "dev-1" not in repr(pending)
    desk.idp.refuse = error("authorization_pending")
    waiting = run(desk.sign_in.poll_device(pending))
    assert waiting == Waiting(pending)
    desk.idp.refuse = error("slow_down")
    waiting = run(desk.sign_in.poll_device(waiting.pending))
    assert waiting.pending.interval == 10
    desk.idp.refuse = Answer(503, b"")
    waiting = run(desk.sign_in.poll_device(waiting.pending))
    assert waiting.pending.interval == 10
    desk.idp.refuse = None
    run(desk.sign_in.poll_device(waiting.pending))
    assert desk.row().flow == "device"
    assert desk.idp.posts[-1]["device_code"] == "dev-1"
    assert desk.names() == ["consent_given"]


@pytest.mark.parametrize("name", ["expired_token", "access_denied"])
def test_a_device_code_that_comes_to_nothing(desk, name):
    desk.register()
    pending = run(desk.sign_in.begin_device("kim"))
    desk.idp.refuse = error(name)
    with pytest.raises(SignInRefused):
        run(desk.sign_in.poll_device(pending))
    assert desk.names() == ["sign_in_failed"]
    desk.clock.advance(601)
    with pytest.raises(SignInRefused, match="too long"):
        run(desk.sign_in.poll_device(pending))


def test_google_s_address_of_the_page_has_another_name(desk, monkeypatch):
    desk.register()
    given = desk.idp._given
    monkeypatch.setattr(
        desk.idp,
        "_given",
        lambda path, form: {
            name.replace("verification_uri", "verification_url"): value
            for name, value in given(path, form).items()
        },
    )
    assert run(desk.sign_in.begin_device("kim")).uri == f"{ISSUER}/enter"


def test_google_gives_no_mail_by_a_device_code(desk):
    desk.register("google", "imaps://imap.gmail.com")
    with pytest.raises(Misconfigured, match="sign-in link"):
        run(desk.sign_in.begin_device("kim"))
    assert desk.idp.posts == []


def test_an_app_that_may_not_use_device_codes(desk):
    desk.register()
    desk.idp.refuse = error("unauthorized_client")
    with pytest.raises(SignInRefused, match="public client"):
        run(desk.sign_in.begin_device("kim"))


# As the client itself, and giving back.


def test_client_credentials(desk):
    desk.register("microsoft", "graph://tenant")
    run(desk.sign_in.client_credentials("kim"))
    [form] = desk.idp.posts
    assert form["grant_type"] == "client_credentials"
    assert form["scope"] == "https://graph.microsoft.com/.default"
    row = desk.row()
    assert (row.flow, row.refresh, row.subject) == ("client", None, "gateway")
    desk.idp.refuse = error("invalid_client", 401)
    with pytest.raises(SignInRefused):
        run(desk.sign_in.client_credentials("kim"))


def test_giving_a_consent_back(desk):
    desk.register().grant()
    run(desk.sign_in.withdraw("kim"))
    assert desk.row() is None
    assert desk.idp.good == set()
    assert [(e.name(), e.told) for e in desk.events] == [("consent_withdrawn", True)]
    run(desk.sign_in.withdraw("kim"))
    assert len(desk.events) == 1


def test_a_consent_is_forgotten_though_the_provider_is_away(desk):
    desk.register().grant()
    desk.idp.refuse = Answer(503, b"")
    run(desk.sign_in.withdraw("kim"))
    assert desk.row() is None
    assert desk.events[0].told is False


@pytest.mark.parametrize(
    ("promised", "told", "good"),
    [
        (False, None, True),
        (False, ISSUER, True),
        (False, "https://other.example", True),
        (True, ISSUER, True),
        (True, "https://other.example", False),
        (True, None, False),
    ],
)
def test_an_answer_of_another_issuer_is_none(desk, promised, told, good):
    desk.register()
    desk.idp.metadata = {"authorization_response_iss_parameter_supported": promised}
    _, pending = begun(desk)
    query = urlencode({"code": "c", "state": pending.state, **({"iss": told} if told else {})})
    if good:
        finish(desk, pending, query)
        assert desk.row() is not None
    else:
        with pytest.raises(SignInRefused, match="another provider"):
            finish(desk, pending, query)
        assert desk.idp.posts == []
