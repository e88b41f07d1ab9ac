"""Profiles as files: what is wrong with one is told with file, line, key and what to do."""

import re

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import ConfigError, UpstreamUrl
from gateway.config.problems import BadValue
from gateway.config.profiles import SHIPPED, load_profile, shipped
from tests.unit.backend.profile.samples import tables

VERIFIED = {"maildev", "maildump", "sendria", "wildduck", "wildduck-trash"}


@pytest.fixture
def refused(tmp_path):
    """The messages about a file, without its path."""

    def refused(text):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            load_profile(str(path))
        return str(caught.value).replace(str(path), "mine.toml").splitlines()

    return refused


def written(**changes):
    return tomlkit.dumps(tables(**changes))


@pytest.mark.parametrize("name", shipped())
def test_what_comes_with_the_gateway_can_be_used(name):
    profile = load_profile(name)
    assert bool(profile.verified) == (name in VERIFIED)
    text = (SHIPPED / f"{name}.toml").read_text()
    assert ("Unverified" in text) == (name not in VERIFIED)
    assert load_profile(str(SHIPPED / f"{name}.toml")) == profile


def test_the_smallest_profile(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(written())
    assert load_profile(str(path)).name == "sample"


def test_a_name_that_is_not_known():
    with pytest.raises(ConfigError, match='did you mean "maildev"\\? known: '):
        load_profile("mailedv")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("mine/profile.toml", "is no absolute path"),
        ("../schema", "is no absolute path"),
        ("/dev/zero", "is no file"),
        ("/tmp", "is no file"),
        ("/there/is/none.toml", "cannot be read: No such file"),
        ("", "there is no profile"),
        ("maildev.toml", "there is no profile"),
        ("\0", "there is no profile"),
    ],
)
def test_what_names_no_profile(name, wrong):
    with pytest.raises(ConfigError, match=wrong):
        load_profile(name)


def test_a_file_that_is_too_large(tmp_path):
    path = tmp_path / "large.toml"
    path.write_text("#" * 300_000)
    with pytest.raises(ConfigError, match="has more than"):
        load_profile(str(path))


def test_every_mistake_is_told_with_its_line(refused):
    lines = refused("""\
name = "mine"
nme = 3

[auth]
form = "baerer"

[[login]]
url = "/first"

[[login]]
url = "second"
take = { A = "/x" }

[list]
url = "/messages"
id = 3
items = "x"

[raw]
url = "/../{id}"
newlines = "cr"

[delete]
url = "/{id}"
done = [200, "x"]
gone = [99]

[delete.bulk]
url = "/x"
most = 0
""")
    starts = [line.split("; ")[0] for line in lines]
    assert starts == [
        "mine.toml:2: nme = 3: there is no such key",
        'mine.toml:5: auth.form = "baerer": is none of the choices (did you mean "bearer"?)',
        'mine.toml:11: login 2: url = "second": the path does not start with one slash',
        'mine.toml:12: login 2: take: "A" is no name',
        "mine.toml:16: list.id = 3: is a whole number",
        'mine.toml:17: list.items = "x": it is no JSON pointer (RFC 6901)',
        'mine.toml:20: raw.url = "/../{id}": there are dots for a directory in the path',
        'mine.toml:21: raw.newlines = "cr": is none of the choices (did you mean "crlf"?)',
        "mine.toml:25: delete.done: has a string in it",
        "mine.toml:26: delete.gone: there is no such status",
        "mine.toml:30: delete.bulk.most = 0: is out of range",
    ]
    assert all("; " in line for line in lines)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"auth": {"form": "bearer"}}, 'auth.value: is missing: form = "bearer" needs it'),
        ({"auth": {"form": "header", "value": "{password}"}}, "auth.header: is missing"),
        ({"auth": {"value": "{password}"}}, "auth.value = .*: means nothing with form"),
        ({"auth": {"form": "bearer", "value": "{tokn}"}}, r"nobody gives \{tokn\}"),
        ({"list": {"url": "/{password}"}}, "a password can be in a login's body"),
        ({"raw": {"url": "/{password}/{id}"}}, "a password can be in a login's body"),
        ({"raw": {"url": "/raw"}}, r"raw.url = .*: does not have \{id\}"),
        ({"raw": {"encoding": "base64"}}, "raw.at: says where a JSON answer has the message"),
        ({"raw": {"encoding": "base64", "at": ""}}, "raw.at = .*: the whole answer cannot be"),
        ({"delete": {"url": "/all"}}, r"delete: has \{id\} neither in url nor in body"),
        ({"delete": {"gone": [200]}}, "delete.gone: 200 is in done already"),
        ({"delete": {"bulk": {"url": "/x"}}}, r"delete.bulk: has no \{ids\} in its body"),
        ({"delete": {"bulk": {"url": "/x", "body": {"a": "{id}"}}}}, r"nobody gives \{id\}"),
        ({"list": {"page": {"style": "offset"}}}, r"list.url = .*: does not have \{offset\}"),
        ({"list": {"page": {"style": "cursor"}}}, "list.page.cursor: belongs to the style"),
        ({"list": {"page": {"cursor": "/next"}}}, "list.page.cursor = .*: belongs to the"),
        ({"list": {"order": "received"}}, 'list.received: is missing: order = "received"'),
        ({"list": {"exact": True}}, "list.size: is missing: exact = true needs it"),
        ({"unchanged": {"url": "/x"}}, "unchanged: it is not clear what to look at"),
        ({"unchanged": {}}, "unchanged: it is not clear what to look at"),
        ({"unchanged": {"etag": True, "url": "/x", "values": ["/a"]}}, "it is not clear"),
        ({"ids": {"scope": "{inbox}"}}, r"ids.scope = .*: nobody gives \{inbox\}"),
        ({"login": [{"url": "/x", "take": {"user": "/id"}}]}, '"user" is taken already'),
        ({"login": [{"url": "/{a}"}, {"url": "/x", "take": {"a": "/b"}}]}, r"gives \{a\}"),
        ({"login": [{"url": "/x", "body": {"a": 1}}]}, "GET has no body"),
        (
            {
                "auth": {"form": "bearer", "value": "{t}"},
                "login": [{"url": "/x", "take": {"t": "/t"}}],
                "raw": {"url": "/{t}/{id}"},
            },
            r"raw.url = .*: has \{t\} in its path, and paths get into the log",
        ),
        ({"raw": {"headers": {"Content-Length": "1"}}}, "it is no header that can be set"),
        ({"raw": {"headers": {"X": "a\r\nb"}}}, "it cannot be in a header"),
        ({"raw": {"headers": {"X Y": "a"}}}, "it is no header that can be set"),
        ({"delete": {"body": {"a": "{"}}}, "the braces are not clear"),
        ({"name": ""}, "name = .*: is too short"),
        ({"list": 5}, "list = 5: is a whole number; it must be a table"),
        ({"parallel": True}, "parallel = true: is true or false; it must be a whole number"),
        ({"raw": {"form": 1}}, r"there is no such key; .*it belongs to \[auth\]"),
    ],
)
def test_keys_that_do_not_fit(refused, changes, expected):
    lines = refused(written(**changes))
    assert any(re.search(expected, line) for line in lines), lines
    assert all(line.startswith("mine.toml") for line in lines)


@pytest.mark.parametrize("missing", ["name", "list", "raw", "delete"])
def test_what_has_to_be_there(refused, missing):
    made = tables()
    del made[missing]
    (line,) = refused(tomlkit.dumps(made))
    assert f"{missing}: is missing; give it: a" in line


def test_what_is_no_toml(refused):
    (line,) = refused('name = "x\n')
    assert line.startswith("mine.toml:1: is not TOML")


def test_a_header_is_not_shown(refused):
    lines = refused(written(raw={"headers": {"X-Key": "geheim\n"}}))
    assert "geheim" not in "\n".join(lines)


JSON = st.recursive(
    st.booleans()
    | st.integers(-5, 500)
    | st.text(max_size=8)
    | st.sampled_from(["/{id}", "/a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["url", "body", "take", "page", "bulk"]), inner)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["auth", "login", "list", "raw", "delete"]), JSON))
def test_any_tree_is_a_profile_or_refused_in_words(tmp_path_factory, changes):
    path = tmp_path_factory.mktemp("any") / "any.toml"
    path.write_text(tomlkit.dumps({**tables(), **changes}))
    told = ""
    try:
        load_profile(str(path))
    except ConfigError as error:
        told = str(error)
    assert all("; " in line for line in filter(None, told.split("\n")))


class TestUrls:
    @pytest.mark.parametrize(
        "name", ["maildev", "my-own.2", "/etc/mine.toml", "/srv/my file.toml"]
    )
    def test_name_a_profile_or_a_file(self, name):
        url = UpstreamUrl.parse(f"profile+https://mail.example.org/api/v1/?profile={name}")
        assert (url.profile, url.base) == (name, "https://mail.example.org:443/api/v1/")
        assert UpstreamUrl.parse(str(url)) == url

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "?",
            "?profile=",
            "?profil=maildev",
            "?profile=a&b=c",
            "?profile=a#b",
            "?x=/a.toml",
        ],
    )
    def test_that_name_none_are_refused(self, query):
        with pytest.raises(BadValue):
            UpstreamUrl.parse(f"profile+https://mail.example.org{query}")

    @given(st.text(max_size=20))
    def test_any_name_is_one_or_refused(self, name):
        try:
            url = UpstreamUrl.parse(f"profile+https://h?profile=/{name}")
        except BadValue:
            return
        assert UpstreamUrl.parse(str(url)) == url
