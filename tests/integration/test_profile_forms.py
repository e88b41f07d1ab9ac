"""All that a profile can say, before a mail API that does it."""

from hashlib import sha256

import pytest
import tomlkit

from tests.support.gateway import RunningGateway, wait_until
from tests.support.mail import big, crlf_form
from tests.support.profile_bench import BASE, PASSWORD, QUICK, TOKENS, Bench, fresh_user

LETTERS = [b"Subject: %d\r\n\r\n.\r\nbody %d\r\n" % (n, n) * (n + 1) for n in range(5)]
MANY = [b"Subject: %d\r\n\r\n" % n for n in range(23)]


@pytest.fixture(scope="module")
def bench():
    with Bench() as bench:
        yield bench
        bench.check_logs()


@pytest.fixture
def api(bench):
    bench.api.reset()
    bench.api.password = PASSWORD.encode()
    bench.api.fill(LETTERS)
    return bench.api


def read(client):
    """Everything, as announced and as sent."""
    count, octets = client.stat()
    messages = [client.retr(number) for number in range(1, count + 1)]
    announced = [int(line.split()[1]) for line in client.lines("LIST")]
    assert announced == list(map(len, messages))
    assert octets == sum(announced)
    return messages


def stuffed(message):
    """As it is on the wire, with an end to its last line."""
    octets = message.replace(b"\n.", b"\n..")
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"


def unique_ids(client):
    return [line.split()[1] for line in client.lines("UIDL")]


class TestMessages:
    @pytest.mark.parametrize("encoding", ["base64", "base64url", "json-text"])
    @pytest.mark.parametrize("newlines", ["crlf", "lf", "mixed"])
    def test_inside_of_json(self, bench, api, encoding, newlines):
        api.encoding = encoding
        letters = LETTERS
        if newlines != "crlf":
            letters = [letter.replace(b"\r\n", b"\n", 2) for letter in LETTERS]
            api.fill(letters)
        raw = {"encoding": encoding, "at": "/payload/raw", "newlines": newlines}
        with bench.gateway({"raw": raw}).login(fresh_user(), PASSWORD) as client:
            assert read(client) == LETTERS

    def test_with_octets_that_are_no_text(self, bench, api):
        api.fill([bytes(range(256)).replace(b"\n", b"\r\n") + b"\r\n"])
        api.encoding = "base64url"
        raw = {"encoding": "base64url", "at": "/payload/raw"}
        with bench.gateway({"raw": raw}).login(fresh_user(), PASSWORD) as client:
            assert read(client) == [api.letters[0].octets]

    def test_a_large_one_is_never_held_whole(self, bench, api):
        large = b"".join(big(40 << 20))
        api.fill([large])
        api.encoding = "base64"
        raw = {"encoding": "base64", "at": "/payload/raw"}
        options = {"settings": {"upstream": {"warm": {"seconds": 0}}}, "workers": 1}
        gateway = bench.gateway({"raw": raw}, **options)
        before = gateway.memory()
        with gateway.login(fresh_user(), PASSWORD) as client:
            assert client.stat() == (1, len(large))
            most, digest = gateway.memory(), sha256()
            client.ok("RETR 1")
            for piece in client.raw_body():
                digest.update(piece)
                most = max(most, gateway.memory())
        assert digest.digest() == sha256(stuffed(large)).digest()
        assert most - before < 16 << 20

    def test_lf_becomes_crlf_before_it_is_counted(self, bench, api):
        api.fill([letter.replace(b"\r\n", b"\n") for letter in LETTERS])
        gateway = bench.gateway({"raw": {"newlines": "lf"}})
        with gateway.login(fresh_user(), PASSWORD) as client:
            assert read(client) == LETTERS

    @pytest.mark.parametrize("size", [0, 1, -1, 10**9, "12", None, True, 1.5, [], 10**30])
    def test_sizes_that_are_wrong_are_learned(self, bench, api, size):
        for letter in api.letters:
            letter.size = size if size is not None else "none"
        user = fresh_user()
        with bench.gateway().login(user, PASSWORD) as client:
            assert read(client) == LETTERS
            client.quit()
        api.heard.clear()
        with bench.gateway().login(user, PASSWORD) as client:
            assert client.stat() == (5, sum(map(len, LETTERS)))
            client.quit()
        assert api.asked_by(user) == ["/messages"]  # they are known from then on

    def test_sizes_that_are_right_need_not_be_learned(self, bench, api):
        gateway = bench.gateway({"list": {"exact": True}})
        user = fresh_user()
        with gateway.login(user, PASSWORD) as client:
            assert client.stat() == (5, sum(map(len, LETTERS)))
            assert api.asked_by(user) == ["/messages"]
            assert read(client) == LETTERS


PAGED = {
    "offset": {"url": "/messages?start={offset}&limit={limit}"},
    "page": {"url": "/messages?page={page}&limit={limit}"},
    "cursor": {"url": "/messages?limit={limit}&next={cursor}"},
}


class TestPages:
    @pytest.mark.parametrize("total", [True, False])
    @pytest.mark.parametrize("style", PAGED)
    @pytest.mark.parametrize("letters", [MANY, MANY[:20], []])
    def test_all_of_them_are_read(self, bench, api, style, total, letters):
        api.fill(letters)
        table = {**PAGED[style], "exact": True, "page": {"style": style, "limit": 5}}
        if style == "cursor":
            table["page"]["cursor"] = "/next"
        if total:
            table["total"] = "/total"
        with bench.gateway({"list": table}).login(fresh_user(), PASSWORD) as client:
            assert read(client) == letters

    @pytest.mark.parametrize("style", ["offset", "cursor"])
    def test_of_a_server_that_gives_less_than_asked_for(self, bench, api, style):
        api.fill(MANY)
        api.largest_page = 3
        table = {**PAGED[style], "exact": True, "page": {"style": style, "limit": 10}}
        if style == "cursor":
            table["page"]["cursor"] = "/next"
        with bench.gateway({"list": table}).login(fresh_user(), PASSWORD) as client:
            assert client.stat()[0] == len(MANY)


class TestOrder:
    def test_reversed(self, bench, api):
        with bench.gateway({"list": {"order": "reversed"}}).login(
            fresh_user(), PASSWORD
        ) as client:
            assert read(client) == LETTERS[::-1]

    def test_by_time(self, bench, api):
        for letter, hour in zip(api.letters, [3, 1, 2, 5, 4], strict=True):
            letter.more = {"at": f"2024-01-01T0{hour}:00:00Z"}
        table = {"received": "/at", "order": "received"}
        with bench.gateway({"list": table}).login(fresh_user(), PASSWORD) as client:
            assert read(client) == [LETTERS[index] for index in (1, 2, 0, 4, 3)]


ODD = [
    *("a/b", "a?b", "a#b", "a b", "%2F", "a%", "é", "x" * 71, "x" * 500, "\u65e5\u672c"),
    *("{id}", "a\\b", '"', "a\r\nb", "...", "\ud800", "a&b=c", "+", "~", "a:b"),
]


class TestIds:
    def test_odd_ones_name_their_messages_and_no_others(self, bench, api):
        api.fill(MANY[: len(ODD)])
        for letter, identity in zip(api.letters, ODD, strict=True):
            letter.id = identity
        # What a server makes of half a character is its own business.
        assert api.letters.pop(ODD.index("\ud800")).id == "\ud800"
        left = [letter.octets for letter in api.letters]
        user = fresh_user()
        if "..." in ODD:  # dots alone are refused, see the faults
            index = next(i for i, one in enumerate(api.letters) if one.id == "...")
            api.letters[index].id = "a..."
        with bench.gateway().login(user, PASSWORD) as client:
            assert read(client) == left
            ids = unique_ids(client)
            assert len(set(ids)) == len(ids)
            assert all(0 < len(one) <= 70 for one in ids)
            assert all(0x21 <= octet <= 0x7E for one in ids for octet in one)
            for number in range(1, len(left) + 1, 2):
                client.ok(f"DELE {number}")
            assert client.quit().startswith(b"+OK")
        assert [letter.octets for letter in api.letters] == left[1::2]
        with bench.gateway().login(user, PASSWORD) as client:
            assert unique_ids(client) == ids[1::2]

    def test_numbers(self, bench, api):
        for number, letter in enumerate(api.letters):
            letter.id = number
        with bench.gateway().login(fresh_user(), PASSWORD) as client:
            assert unique_ids(client) == [b"0", b"1", b"2", b"3", b"4"]
            assert read(client) == LETTERS

    def test_a_scope_stands_before_them(self, bench, api):
        api.token_login = True
        gateway = bench.gateway(TOKENS, {"ids": {"scope": "{account}"}})
        with gateway.login(fresh_user(), PASSWORD) as client:
            assert unique_ids(client)[0] == b"7.m1"

    def test_one_that_is_given_again_is_another_message(self, bench, api):
        for letter in api.letters:
            letter.more = {"at": "then"}
        gateway = bench.gateway({"ids": {"also": ["/at"]}})
        user = fresh_user()
        with gateway.login(user, PASSWORD) as client:
            before = unique_ids(client)
            api.letters[1].more = {"at": "now"}
            client.ok("DELE 1")
            client.ok("DELE 2")
            assert client.quit().startswith(b"+OK")
        assert api.ids == ["m2", "m3", "m4", "m5"]
        with gateway.login(user, PASSWORD) as client:
            now = unique_ids(client)
            assert now[1:] == before[2:]
            assert now[0] not in before


class TestUnchanged:
    def test_by_a_value(self, bench, api):
        gateway = bench.gateway({"unchanged": {"url": "/state", "values": ["/changes"]}})
        user = fresh_user()
        gateway.login(user, PASSWORD).quit()
        for gone in (0, 1):
            api.heard.clear()
            with gateway.login(user, PASSWORD) as client:
                assert client.stat() == (len(api.letters), sum(map(len, LETTERS[gone:])))
                client.quit()
            # Of an unchanged mailbox one row, which proves the password: anybody may ask
            # for the state.
            assert api.asked_by(user) == ["/state", "/messages"]
            del api.letters[0]
            api.changes += 1

    def test_by_a_value_after_a_login_call(self, bench, api):
        api.token_login = True
        unchanged = {"unchanged": {"url": "/state", "values": ["/changes"]}}
        gateway = bench.gateway({**TOKENS, **unchanged})
        user = fresh_user()
        gateway.login(user, PASSWORD).quit()
        api.heard.clear()
        gateway.login(user, PASSWORD).quit()
        assert "/messages" not in [one.path for one in api.heard]

    def test_by_etag(self, bench, api):
        api.etag = True
        gateway = bench.gateway({"unchanged": {"etag": True}})
        user = fresh_user()
        gateway.login(user, PASSWORD).quit()
        with gateway.login(user, PASSWORD) as client:
            assert client.stat() == (5, sum(map(len, LETTERS)))
            client.quit()
        listed = [one for one in api.heard if one.path == "/messages"]
        assert listed[-1].headers["if-none-match"] == '"0"'
        del api.letters[0]
        api.changes += 1
        with gateway.login(user, PASSWORD) as client:
            assert read(client) == LETTERS[1:]

    def test_our_own_deletions_are_no_surprise(self, bench, api):
        gateway = bench.gateway({"unchanged": {"url": "/state", "values": ["/changes"]}})
        user = fresh_user()
        with gateway.login(user, PASSWORD) as client:
            client.ok("DELE 2")
            client.quit()
        with gateway.login(user, PASSWORD) as client:
            assert read(client) == LETTERS[:1] + LETTERS[2:]


BULK = {"delete": {"bulk": {"url": "/delete", "body": {"ids": "{ids}"}, "most": 2}}}


class TestDeletion:
    def test_many_at_once(self, bench, api):
        with bench.gateway(BULK).login(fresh_user(), PASSWORD) as client:
            for number in (1, 2, 3, 5):
                client.ok(f"DELE {number}")
            assert client.quit().startswith(b"+OK")
        assert api.ids == ["m4"]
        assert (api.count("/delete"), api.count("/messages/", "DELETE")) == (2, 0)

    def test_a_single_one(self, bench, api):
        with bench.gateway(BULK).login(fresh_user(), PASSWORD) as client:
            client.ok("DELE 4")
            assert client.quit().startswith(b"+OK")
        assert api.ids == ["m1", "m2", "m3", "m5"]
        assert api.count("/delete") == 0


class TestLogin:
    def test_a_token_is_taken_used_and_given_back(self, bench, api):
        api.token_login = True
        user = fresh_user()
        with bench.gateway(TOKENS).login(user, PASSWORD) as client:
            assert read(client) == LETTERS
            client.ok("DELE 1")
            assert client.quit().startswith(b"+OK")
        assert (api.logins, len(api.letters)) == (1, 4)
        login = next(one for one in api.heard if one.method == "POST")
        assert login.json == {"user": user, "password": PASSWORD}
        wait_until(lambda: not api.tokens, what="the token to be given back")

    def test_names_of_any_letters(self, bench, api):
        api.token_login = True
        user = 'q"\u00e9{user}\\'
        with bench.gateway(TOKENS).login(user, PASSWORD):
            login = next(one for one in api.heard if one.method == "POST")
            assert login.json["user"] == user

    def test_a_service_token_and_a_password_of_the_gateways_own(self, bench, api, tmp_path):
        api.token_login = True
        api.tokens = {"service"}
        (tmp_path / "token").write_text("service\n")
        (tmp_path / "password").write_text("local secret\n")
        auth = {"auth": {"form": "header", "header": "X-Token", "value": "{service}"}}
        http = {**QUICK["upstream"]["http"], "client_password_file": str(tmp_path / "password")}
        settings = {"upstream": {**QUICK["upstream"], "http": http}}
        flags = ("--upstream-token-file", str(tmp_path / "token"))
        gateway = bench.gateway(auth, settings=settings, flags=flags)
        with gateway.login("anybody", "local secret") as client:
            assert read(client) == LETTERS
        with gateway.client() as client:
            client.ok("USER anybody")
            assert client.command("PASS wrong").startswith(b"-ERR [AUTH]")

    def test_a_service_token_that_nobody_gave(self, api, tmp_path):
        file = tmp_path / "service.toml"
        auth = {"form": "bearer", "value": "{service}"}
        file.write_text(tomlkit.dumps({**BASE, "auth": auth}))
        gateway = RunningGateway(f"profile+{api.url}?profile={file}")
        try:
            assert gateway.launch().wait() == 2
            assert "token_file: is missing: the profile fake sends" in gateway.log_text()
        finally:
            gateway.close()

    def test_without_any_password_only_this_machine_gets_the_mail(self, bench, api, tmp_path):
        file = tmp_path / "open.toml"
        file.write_text(tomlkit.dumps({**BASE, "auth": {"form": "none"}}))
        url = f"profile+{api.url}?profile={file}"
        gateway = RunningGateway(url, listeners=["--listen", "0.0.0.0:0"])
        try:
            assert gateway.launch().wait() == 2
            assert (
                "client_password_file: is missing: fake sees no password" in gateway.log_text()
            )
        finally:
            gateway.close()
        api.password = None
        with RunningGateway(url) as gateway, gateway.login("anybody", "anything") as client:
            assert read(client) == LETTERS


def test_lf_only_in_the_middle_of_crlf_is_left_alone(bench, api):
    odd = b"Subject: x\r\n\r\na\nb\r\n"
    api.fill([odd])
    with bench.gateway().login(fresh_user(), PASSWORD) as client:
        assert client.retr(1) == odd
    api.fill([odd])
    with bench.gateway({"raw": {"newlines": "mixed"}}).login(fresh_user(), PASSWORD) as client:
        assert client.retr(1) == crlf_form(odd)
