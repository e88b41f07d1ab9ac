"""The first run."""

import pytest

from gateway.admin.console.events import SetupAwaits
from gateway.admin.setup_token import drop_link, make_link, read_link, read_token
from gateway.errors import Misconfigured
from tests.support.console import PASSWORD, Browser, Office

FORM = {"name": "kim", "password": PASSWORD, "again": PASSWORD}


def test_the_token_makes_an_administrator_once(office, browser):
    token = office.token()
    page = browser.get(f"/setup?token={token}")
    assert (page.status, page.location) == (303, "/setup/administrator")
    assert page.header("Referrer-Policy") == "no-referrer"
    assert token not in page.location
    page = browser.submit("/setup/administrator", "/setup/administrator", FORM)
    assert page.location == "/?done=welcome"
    assert "The first evening" in browser.follow(page).text
    assert [each.name for each in office.store.administrators.all()] == ["kim"]
    assert "guest" not in browser.cookies
    assert not (office.state / "setup-token").exists()
    other = Browser(office)
    assert other.get(f"/setup?token={token}").status == 404


def test_the_token_is_in_no_event_and_in_no_page(office, browser):
    token = office.token()
    page = browser.follow(browser.get(f"/setup?token={token}"))
    assert token not in page.body
    assert token not in repr(office.events)


@pytest.mark.parametrize("token", ["", "x", "0" * 43])
def test_a_wrong_token_is_none(office, browser, token):
    office.token()
    page = browser.get(f"/setup?token={token}")
    assert page.status == (403 if token else 200)
    assert page.set_cookies == []
    assert browser.get("/setup/administrator").status == 403


def test_without_a_token_file_no_token_fits(office, browser):
    drop_link(office.state)
    assert browser.get("/setup?token=").status == 200
    assert browser.get("/setup?token=x").status == 403


def test_tokens_are_guessed_slowly(office, browser):
    office.token()
    statuses = [browser.get("/setup?token=x").status for _ in range(21)]
    assert statuses == [403] * 20 + [429]


def test_of_two_who_race_one_becomes_the_administrator(office):
    token = office.token()
    first, second = Browser(office), Browser(office)
    forms = [each.follow(each.get(f"/setup?token={token}")) for each in (first, second)]
    won = first.post("/setup/administrator", {**FORM, "csrf": forms[0].csrf})
    lost = second.post("/setup/administrator", {**FORM, "name": "eve", "csrf": forms[1].csrf})
    assert (won.status, lost.status) == (303, 404)
    assert [each.name for each in office.store.administrators.all()] == ["kim"]
    assert "office" not in second.cookies


def test_of_two_who_race_to_the_last_step_one_becomes_the_administrator(office):
    token = office.token()
    browser = Browser(office)
    form = browser.follow(browser.get(f"/setup?token={token}"))
    office.store.administrators.all = list  # what a read just before the other's write says
    office.administrator("eve")
    page = browser.post("/setup/administrator", {**FORM, "csrf": form.csrf})
    assert page.status == 404
    assert "office" not in browser.cookies
    del office.store.administrators.all
    assert [each.name for each in office.store.administrators.all()] == ["eve"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"password": "short", "again": "short"}, "12 characters"),
        ({"again": "another one!"}, "differ"),
        ({"password": "a" * 12, "again": "a" * 12}, "guessed"),
        ({"password": "password1234", "again": "password1234"}, "guessed"),
        ({"password": "kimkimkim!23", "again": "kimkimkim!23"}, "guessed"),
        ({"password": "x1" * 200, "again": "x1" * 200}, "256"),
        ({"name": "a:b"}, "colon"),
        ({"name": ""}, "1 to 64"),
    ],
)
def test_bad_names_and_passwords_are_told(office, browser, change, told):
    browser.get(f"/setup?token={office.token()}")
    page = browser.submit("/setup/administrator", "/setup/administrator", {**FORM, **change})
    assert page.status == 400
    assert told in page.text
    assert office.store.administrators.all() == []
    assert (change.get("password") or PASSWORD) not in page.body


def test_the_link_is_for_its_owner_alone_and_stays_until_it_was_used(tmp_path):
    path = make_link(tmp_path / "state", "http://127.0.0.1:8080")
    assert path.stat().st_mode & 0o777 == 0o600
    token = read_token(tmp_path / "state")
    assert len(token) == 43
    make_link(tmp_path / "state", "https://console.example.org")
    assert read_link(tmp_path / "state") == f"https://console.example.org/setup?token={token}"
    assert [each.name for each in path.parent.iterdir()] == ["setup-token"]
    drop_link(tmp_path / "state")
    drop_link(tmp_path / "state")
    assert read_token(tmp_path / "state") == read_link(tmp_path / "state") == ""


def test_the_log_says_where_the_link_is_and_not_what_it_is(office):
    assert office.told_at_start == [SetupAwaits(str(office.state / "setup-token"))]


def test_with_an_administrator_there_is_no_link(tmp_path):
    first = Office(tmp_path)
    first.administrator()
    first.close()
    second = Office(tmp_path, fresh=False)
    assert second.told_at_start == []
    assert not (tmp_path / "setup-token").exists()
    second.close()


def test_a_directory_that_cannot_be_written_to_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match=r"cannot write .*/file/state/setup-token"):
        make_link(tmp_path / "file" / "state", "http://127.0.0.1")
