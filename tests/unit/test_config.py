"""Settings: the tree, loading, precedence, URLs and addresses."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from gateway.config import (
    FLAGS,
    ConfigError,
    ListenAddress,
    SystemdSocket,
    UpstreamUrl,
    load,
    parse_listen,
)
from gateway.config.explain import field_of
from gateway.config.problems import BadValue
from gateway.config.show import show
from gateway.config.source import take, without
from gateway.config.tree import header, sections

URL = "imaps://imap.example.org"


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "office.toml"
        path.write_text(text)
        return path

    return write


def problems(path, overrides=None):
    with pytest.raises(ConfigError) as caught:
        load(path, overrides)
    return caught.value.problems


# Where values come from.


def test_the_upstream_alone_is_enough():
    settings = load(None, {"upstream.url": URL})
    assert settings.listen.plain == ("127.0.0.1:1110",)
    assert settings.listen.tls == ()
    assert settings.upstream.url == UpstreamUrl("imaps", "imap.example.org", 993)


def test_the_file_wins_over_defaults_and_flags_win_over_the_file(file):
    path = file(f'[upstream]\nurl = "{URL}"\n[log]\nlevel = "debug"\nformat = "json"\n')
    settings = load(path, {"log.level": "error"})
    assert (settings.log.level, settings.log.format) == ("error", "json")


def test_a_list_from_flags_replaces_that_of_the_file(file):
    path = file(f'[upstream]\nurl = "{URL}"\n[listen]\nplain = ["127.0.0.1:1"]\n')
    assert load(path, {"listen.plain": ("[::1]:2",)}).listen.plain == ("[::1]:2",)


def test_systemd_says_where_the_state_is(monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")
    assert load(None, {"upstream.url": URL}).state.dir == Path("/var/lib/a")


def test_without_systemd_the_state_is_in_the_home_directory(monkeypatch):
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", "/home/kim/state")
    directory = load(None, {"upstream.url": URL}).state.dir
    assert directory == Path("/home/kim/state/pop3-gateway")


def test_settings_cannot_be_changed():
    settings = load(None, {"upstream.url": URL})
    with pytest.raises(ValueError, match="frozen"):
        settings.log.level = "debug"


# What is told when they are wrong.


def test_every_mistake_is_told_at_once(file):
    path = file('[log]\nlevel = "loud"\n[listen]\nplain = []\n')
    assert {p.key for p in problems(path)} == {"log.level", "listen.plain", "upstream.url"}


def test_a_mistake_has_the_line_of_its_key(file):
    path = file(f'[upstream]\nurl = "{URL}"\n\n[limits]\n# so many\nconnections = 0\n')
    (problem,) = problems(path)
    assert (problem.line, problem.value) == (6, "0")


@pytest.mark.parametrize(
    "text",
    [
        'log.level = "loud"',
        '[ log ]\n"level" = "loud"',
        '[log]\n\nlevel="loud"',
    ],
)
def test_lines_are_found_in_other_notations(file, text):
    (problem,) = problems(file(text), {"upstream.url": URL})
    assert problem.line == len(text.splitlines())


def test_an_inline_table_has_no_line_of_its_own(file):
    (problem,) = problems(file('log = {level = "loud"}'), {"upstream.url": URL})
    assert problem.line is None


def test_a_mistake_on_the_command_line_names_the_flag():
    (problem,) = problems(None, {"upstream.url": "pop3://old.example.org"})
    assert str(problem).startswith('command line: --upstream = "pop3://old.example.org": ')


def test_a_table_in_the_way_of_a_flag_is_told(file):
    path = file('upstream = "x"')
    assert "upstream" in {p.key for p in problems(path, {"upstream.url": URL})}


def test_octets_that_are_not_utf8_are_told():
    (problem,) = problems(None, {"upstream.url": URL, "state.dir": "/tmp/\udcff"})
    assert "UTF-8" in problem.wrong


def test_a_directory_is_no_file(tmp_path):
    (problem,) = problems(tmp_path)
    assert "directory" in problem.wrong


@pytest.mark.parametrize(
    "text",
    [
        '[upstream.maildir]\npassword = ["hunter2"]',
        '[upstream.maildir]\nPassword = "hunter2"',
        '[[upstream.maildir]]\npassword = "hunter2"',
        '[upstream]\nmaildir = [{password = "hunter2"}]',
        '[upstream]\ntoken = "hunter2"',
        '[upstream]\nurl = "imaps://kim:hunter2@imap.example.org"',
        '[upstream]\nurl = "imaps://kim:hun/hunter2@imap.example.org"',
        '[upstream]\nurl = "kim:hunter2@imap.example.org"',
        'password = "hunter2"',
    ],
)
def test_no_secret_is_ever_told(file, text):
    assert "hunter2" not in "\n".join(map(str, problems(file(text))))


# Showing them.


def test_what_is_shown_can_be_read_again(tmp_path):
    settings = load(None, {"upstream.url": "imap+starttls://[::1]", "state.dir": str(tmp_path)})
    path = tmp_path / "shown.toml"
    path.write_text(show(settings))
    again = load(path)
    assert show(again) == show(settings)
    assert again.upstream.url == settings.upstream.url


FENCED = f"""
[upstream]
url = "{URL}"
[listen]
plain = []
[[listen.fenced]]
address = "127.0.0.1:1110"
allow = ["192.0.2.0/28", "2001:db8::7"]
[[listen.fenced]]
address = "systemd:old"
allow = ["192.0.2.40"]
tls = "none"
"""


def test_lists_of_tables_are_shown_so_that_they_can_be_read_again(file, tmp_path):
    settings = load(file(FENCED), {"state.dir": str(tmp_path)})
    assert [each.address for each in settings.listen.fenced] == [
        "127.0.0.1:1110",
        "systemd:old",
    ]
    path = tmp_path / "shown.toml"
    path.write_text(show(settings))
    assert load(path).listen == settings.listen


def test_a_wrong_entry_does_not_hide_what_else_is_wrong(file):
    text = FENCED.replace('"none"', "4") + '[upstream.maildir]\nuser = "x"\n[limits]\nx = 1\n'
    found = problems(file(text.replace("plain = []", 'plain = ["there:1"]')))
    assert [problem.key for problem in found] == [
        "listen.fenced[2].tls",
        "limits.x",
    ]
    text = FENCED.replace("systemd:old", "1110").replace("[]", '[]\ncert = "gone"')
    keys = [problem.key for problem in problems(file(text))]
    assert keys == ["listen.key", "listen.cert", "listen.fenced[2].address"]


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("listen.fenced[1].allow", ["a"]),
        ("listen.fenced[2]", {"allow": "b"}),
        ("listen.fenced[3].allow", None),
        ("listen.fenced[1].allow[1]", "a"),
        ("listen.plain[1].x", None),
        ("other[1]", None),
    ],
)
def test_a_value_by_its_key(key, found):
    tree = {"listen": {"plain": "x", "fenced": [{"allow": ["a"]}, {"allow": "b"}]}}
    assert take(tree, key) == found


def test_an_entry_that_has_a_bad_key_is_left_out_whole():
    tree = {"listen": {"plain": [], "fenced": [{"a": 1}, {"a": 2}, {"a": 3}]}}
    assert without(tree, frozenset({"listen.fenced[2].a"})) == {
        "listen": {"plain": [], "fenced": [{"a": 1}, {"a": 3}]}
    }
    assert without(tree, frozenset({"listen.fenced"})) == {"listen": {"plain": []}}
    assert without(tree, frozenset({"listen.fenced[1]"}))["listen"]["fenced"][0] == {"a": 2}


def test_headers_of_tables():
    assert header("listen") == "[listen]"
    assert header("listen.fenced") == "[[listen.fenced]]"
    assert header("upstream.http") == "[upstream.http]"


def test_a_field_of_an_entry_is_that_of_its_table():
    assert (
        field_of("listen.fenced[7].allow") is sections()["listen.fenced"].model_fields["allow"]
    )


def test_secrets_are_not_shown(file):
    path = file(
        f'[upstream]\nurl = "{URL}"\n[upstream.maildir]\npassword = "hunter2"\n',
    )
    settings = load(path)
    assert settings.upstream.maildir.password == SecretStr("hunter2")
    assert "hunter2" not in show(settings)
    assert tomllib.loads(show(settings))["upstream"]["maildir"]["password"] == "***"


# The classes.


def test_every_field_is_described():
    for table, section in sections().items():
        for name, field in section.model_fields.items():
            assert field.description, f"{table}.{name}"
            assert section.model_config["extra"] == "forbid"


def test_every_flag_sets_a_key():
    assert all(field_of(key) for key in FLAGS)


# Upstream URLs.


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("imaps://imap.example.org", UpstreamUrl("imaps", "imap.example.org", 993)),
        ("imaps://IMAP.Example.org/", UpstreamUrl("imaps", "imap.example.org", 993)),
        ("imap://127.0.0.1:1143", UpstreamUrl("imap", "127.0.0.1", 1143)),
        ("imap://localhost", UpstreamUrl("imap", "localhost", 143)),
        ("imap+starttls://mail", UpstreamUrl("imap+starttls", "mail", 143)),
        ("IMAPS://[2001:DB8::1]:1993", UpstreamUrl("imaps", "2001:db8::1", 1993)),
        ("maildir:///srv/mail", UpstreamUrl("maildir", path="/srv/mail")),
        ("maildir:///srv/my%20mail/", UpstreamUrl("maildir", path="/srv/my mail")),
        ("maildir:///srv/my mail", UpstreamUrl("maildir", path="/srv/my mail")),
    ],
)
def test_a_url_is_read(text, value):
    assert UpstreamUrl.parse(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "imaps",
        "imaps:imap.example.org",
        "imaps://",
        "imaps://:993",
        "imaps://h:0",
        "imaps://h:x",
        "imaps://h:٣",
        "imaps://::1",
        "imaps://[::1",
        "imaps://[no]",
        "imaps://-h",
        "imaps://kim@h",
        "imaps://h/INBOX",
        "imaps://h?x=1",
        "imaps://h#x",
        "pop3://h",
        "maildir://srv/mail",
        "maildir://",
        "maildir:///a%00b",
        "maildir:///a%ffb",
    ],
)
def test_a_bad_url_is_refused(text):
    with pytest.raises(BadValue) as caught:
        UpstreamUrl.parse(text)
    assert caught.value.right


@given(st.text())
def test_any_text_is_a_url_or_refused(text):
    for prefix in ("", "imaps://", "imap://[", "maildir:///"):
        try:
            url = UpstreamUrl.parse(prefix + text)
        except BadValue:
            continue
        if url.kind != "maildir":
            assert UpstreamUrl.parse(str(url)) == url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("imap://127.8.0.1", True),
        ("imap://[::1]", True),
        ("imap://localhost.", True),
        ("imap://localhost.example.org", False),
        ("imap://192.0.2.1", False),
    ],
)
def test_loopback_is_known_without_dns(url, expected):
    assert UpstreamUrl.parse(url).is_loopback is expected


# Addresses to listen on.


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("127.0.0.1:1110", ListenAddress("127.0.0.1", 1110)),
        ("localhost:0", ListenAddress("127.0.0.1", 0)),
        ("[::]:110", ListenAddress("::", 110)),
        ("[0:0::1]:110", ListenAddress("::1", 110)),
        ("0.0.0.0:65535", ListenAddress("0.0.0.0", 65535)),
        ("systemd:pop3", SystemdSocket("pop3")),
    ],
)
def test_an_address_is_read(text, value):
    assert parse_listen(text) == value
    assert parse_listen(str(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1110",
        ":1110",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:٣",
        "::1:1110",
        "[::1]",
        "[127.0.0.1]:1110",
        "[]:1110",
        "mail.example.org:110",
        "systemd:",
        "systemd:a:b",
        "systemd:a b",
    ],
)
def test_a_bad_address_is_refused(text):
    with pytest.raises(BadValue) as caught:
        parse_listen(text)
    assert caught.value.right


@given(st.text())
def test_any_text_is_an_address_or_refused(text):
    try:
        address = parse_listen(text)
    except BadValue:
        return
    assert parse_listen(str(address)) == address


# HTTP upstreams.


@pytest.mark.parametrize(
    ("text", "api", "base"),
    [
        ("jmap+https://Mail.Example.org", "jmap", "https://mail.example.org:443/"),
        ("jmap+http://[::1]:8080/jmap/", "jmap", "http://[::1]:8080/jmap/"),
        ("rest+https://a.b/base/ä b", "rest", "https://a.b:443/base/%C3%A4%20b/"),
        ("rest+https://a.b/%41", "rest", "https://a.b:443/%41/"),
        ("profile+https://a.b/x?profile=maildev", "profile", "https://a.b:443/x/"),
        ("graph+http://127.0.0.1:9/contoso", "graph", "http://127.0.0.1:9/contoso/"),
        ("gmail+http://127.0.0.1:9/", "gmail", "http://127.0.0.1:9/"),
    ],
)
def test_the_url_of_an_http_mailbox_is_read(text, api, base):
    url = UpstreamUrl.parse(text)
    assert (url.api, url.base) == (api, base)
    assert url.plaintext is base.startswith("http:")
    assert UpstreamUrl.parse(str(url)) == url


def test_well_known_upstreams_need_no_host():
    graph, gmail = UpstreamUrl.parse("graph://contoso.example"), UpstreamUrl.parse("gmail://")
    assert (graph.api, graph.path, graph.http) == ("graph", "/contoso.example", "https")
    assert (gmail.api, gmail.path, gmail.http) == ("gmail", "", "https")
    assert [str(graph), str(gmail)] == ["graph://contoso.example", "gmail://"]


@pytest.mark.parametrize(
    "text",
    [
        "jmap://a.b",
        "jmap+https://",
        "jmap+https:///path",
        "jmap+https://a.b:0/",
        "jmap+https://a.b/x#y",
        "jmap+https://a.b/\x07",
        "jmap+https://kim@a.b/",
        "rest+ftp://a.b",
        "profile+https://a.b/?profile=",
        "profile+https://a.b/?profile=../x",
        "profile+https://a.b/?name=x",
        "graph://a/b",
        "graph://kim@a",
        "graph+https://a.b",
        "gmail+https://a.b/path",
        "gmail+http://",
    ],
)
def test_a_bad_url_of_an_http_mailbox_is_refused(text):
    with pytest.raises(BadValue):
        UpstreamUrl.parse(text)


def test_a_token_needs_no_password_for_clients_of_this_machine(tmp_path):
    (tmp_path / "token").write_text("t")
    settings = load(
        None,
        {"upstream.url": "gmail://", "upstream.http.token_file": str(tmp_path / "token")},
    )
    assert settings.upstream.http.token_file == tmp_path / "token"


def test_a_byte_order_mark_is_left_out(tmp_path):
    file = tmp_path / "notepad.toml"
    file.write_bytes(b'\xef\xbb\xbf[upstream]\r\nurl = "imaps://imap.example.org"\r\n')
    assert load(file).upstream.url.host == "imap.example.org"
