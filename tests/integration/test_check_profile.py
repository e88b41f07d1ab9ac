"""`check-upstream` tells what a profile will do, and whether it fits the server."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tomlkit

from tests.support.fake_http import Reply
from tests.support.mail import realistic_mix
from tests.support.profile_bench import PASSWORD, TOKENS, Bench, changed

PROGRAM = Path(sys.executable).with_name("pop3-gateway")
LETTERS = [b"Subject: %d\r\n\r\nbody\r\n" % n for n in range(6)]


def check(url, *flags, password=PASSWORD):
    """What it says, and its status."""
    done = subprocess.run(
        [PROGRAM, "check-upstream", url, "--user", "alice", *flags],
        env={**os.environ, "POP3_GATEWAY_PASSWORD": password},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert password not in done.stdout
    return re.sub(r"\s+", " ", done.stdout), done.returncode


@pytest.fixture(scope="module")
def bench():
    with Bench() as bench:
        yield bench


@pytest.fixture
def api(bench):
    bench.api.reset()
    bench.api.password = PASSWORD.encode()
    bench.api.fill(LETTERS)
    return bench.api


@pytest.fixture
def url(api, tmp_path):
    def url(*changes):
        file = tmp_path / "mine.toml"
        file.write_text(tomlkit.dumps(changed(*changes)))
        return f"profile+{api.url}?profile={file}"

    return url


def test_what_it_will_do(api, url):
    bulk = {"url": "/delete", "body": {"ids": "{ids}"}}
    said, status = check(
        url(
            {"delete": {"bulk": bulk, "unsure": [500]}},
            {"ids": {"also": ["/at"]}},
            {"unchanged": {"url": "/state", "values": ["/changes"]}},
        )
    )
    assert status == 0
    for part in (
        "note the profile was written from documents and never tried",
        "LOGIN a look at /state, and the list, in one piece, only if there is news",
        "DELE for good: DELETE /messages/{id} for each message, or POST /delete for up to 100",
        "after 500 the message itself is asked for",
        "UIDL from the server's ids, which it gives again, and at besides",
        "STAT +OK 6",
        "the list has the right size for 6 of 6 messages fetched; if it always has, exact = true",
    ):
        assert part in said
    assert len(api.letters) == 6
    assert api.count("/", "DELETE") == 0


@pytest.mark.parametrize(
    ("exact", "expected", "status"),
    [(False, "right size for 5 of 6 messages", 0), (True, "FAIL the list has the right", 1)],
)
def test_sizes_that_are_wrong(api, url, exact, expected, status):
    api.letters[2].size = 1
    said, found = check(url({"list": {"exact": exact}}))
    assert expected in said
    assert found == status


def test_line_ends_that_are_others_than_the_profile_says(api, url):
    api.fill([letter.replace(b"\r\n", b"\n") for letter in LETTERS])
    said, status = check(url())
    assert 'note 6 messages of 6 have line ends that are LF alone: set newlines = "lf"' in said
    assert status == 0
    said, status = check(url({"raw": {"newlines": "lf"}}))
    assert "LF alone" not in said


def test_something_else_than_messages(api, url):
    api.spoil("/messages/", Reply(body=b"<html>\r\n<p>Log in</p>\r\n</html>\r\n"), times=99)
    said, status = check(url())
    assert "FAIL 6 messages of 6 do not begin with a header" in said
    assert status == 1


def test_messages_that_cannot_be_fetched(api, url):
    api.spoil("/messages/m3", Reply(500), times=99)
    said, status = check(url())
    assert "FAIL 1 message of 6 could not be fetched: look at [raw]" in said
    assert status == 1


def test_nothing_to_try(api, url):
    api.fill([])
    said, status = check(url())
    assert "there is no message to try" in said
    assert status == 0


def test_a_list_that_looks_like_a_page(api, url):
    api.fill(LETTERS[:1] * 20)
    said, _ = check(url(), "--sample", "0")
    assert "note the list has 20 messages, a round number" in said
    said, _ = check(
        url({"list": {"url": "/messages?start={offset}", "page": {"style": "offset"}}})
    )
    assert "round number" not in said


def test_a_wrong_password(api, url):
    said, status = check(url(), password="wrong one")
    assert "FAIL the gateway's driver was refused: the upstream refuses the name" in said
    assert status == 1


def test_a_service_token_that_is_missing(api, url):
    api.token_login = True
    api.spoil("/login", Reply(403, {"code": "NoToken"}), times=9)
    said, status = check(url(TOKENS))
    assert "it is missing or no good (--upstream-token-file)" in said
    assert status == 1


def test_a_profile_that_is_wrong(api, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('name = "x"\n[list]\nurl = "messages"\n')
    done = subprocess.run(
        [PROGRAM, "check-upstream", f"profile+{api.url}?profile={file}", "--user", "alice"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert f"{file}:3: list.url = " in done.stderr
    assert "raw: is missing" in done.stderr


@pytest.mark.servers
def test_of_a_real_server(maildev):
    maildev.clear()
    for letter in realistic_mix(8, seed=5):
        maildev.deliver(letter)
    said, status = check(f"profile+http://127.0.0.1:{maildev.http_port}?profile=maildev")
    assert "ok the profile was tried with MailDev 2.2.1" in said
    assert re.search(r"right size for \d of 8 messages", said)
    assert status == 0
    assert len(maildev.list()) == 8
    maildev.clear()
