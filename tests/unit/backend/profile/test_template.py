from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backend.profile.mistakes import Mistake
from gateway.backend.profile.template import (
    BadValue,
    Template,
    Url,
    check_header,
    filled,
    names_in,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@given(TEXT)
def test_a_value_stays_one_segment_of_the_path(value):
    url = Url.parse("/messages/{id}/raw")
    if value in {".", ".."}:
        with pytest.raises(BadValue):
            url.fill({"id": value})
        return
    path = url.fill({"id": value})
    parts = urlsplit("http://host" + path)
    assert parts.netloc == "host"
    assert (parts.query, parts.fragment) == ("", "")
    before, middle, after = parts.path.rsplit("/", 2)
    assert (before, unquote(middle), after) == ("/messages", value, "raw")
    assert path.isascii()


@given(TEXT, TEXT)
def test_a_value_stays_one_parameter_of_the_query(first, second):
    url = Url.parse("/messages?a={a}&b={b}&c=1")
    query = urlsplit(url.fill({"a": first, "b": second})).query
    assert parse_qsl(query, keep_blank_values=True) == [("a", first), ("b", second), ("c", "1")]


def test_a_parameter_that_is_only_an_empty_value_is_left_out():
    url = Url.parse("/m?limit=5&next={cursor}&x=a{cursor}")
    assert url.fill({"cursor": ""}) == "/m?limit=5&x=a"
    assert url.fill({"cursor": "é&"}) == "/m?limit=5&next=%C3%A9%26&x=a%C3%A9%26"
    assert Url.parse("/m?next={cursor}").fill({"cursor": ""}) == "/m"


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_a_value_that_would_lead_elsewhere_is_refused(value):
    with pytest.raises(BadValue):
        Url.parse("/messages/{id}").fill({"id": value})


def test_dots_with_something_around_them_lead_nowhere_else():
    assert Url.parse("/m/{id}.eml").fill({"id": "."}) == "/m/..eml"


def test_a_lone_surrogate_does_not_break_anything():
    assert Url.parse("/m/{id}").fill({"id": "\ud800"}) == "/m/%ED%A0%80"


@pytest.mark.parametrize(
    "text",
    [
        *("messages", "", "//host/x", "http://host/x", "/a b", "/a#b", "/a/../b", "/./b"),
        *("/a\r\nb", "/é", "/a%zz", "/{", "/}", "/{}", "/{0}", "/{a.b}", "/{a!r}", "/{a:5}"),
        *("/{A}", "/a?b=c d", "/a?b=\0", "/%2e/b", "/a?{x!s}"),
    ],
)
def test_what_is_no_template_of_a_url(text):
    with pytest.raises(Mistake):
        Url.parse(text)


@given(st.text(max_size=30))
def test_any_text_is_a_template_or_a_mistake(text):
    try:
        template = Template.parse(text)
    except Mistake:
        return
    template.fill(dict.fromkeys(template.names, ""))


def test_braces_that_are_doubled_are_braces():
    assert Template.parse("{{a}} {b}").fill({"b": "x"}) == "{a} x"


@given(TEXT)
def test_a_value_in_a_header_stays_one_line(value):
    try:
        header = Template.parse("a {x}").header({"x": value})
    except BadValue:
        assert any(char < " " or char == "\x7f" for char in value)
        return
    assert not {0, 10, 13} & set(header)


def test_a_header_of_a_profile_is_ascii():
    assert check_header("Key {token}") == "Key {token}"
    for text in ("é", "a\r\nb", "{"):
        with pytest.raises(Mistake):
            check_header(text)


def test_json_is_filled_string_by_string():
    body = {"ids": "{ids}", "all": ["{ids}", "a{id}", 3, True, None], "n": {"m": "{id}"}}
    assert names_in(body) == {"ids", "id"}
    assert filled(body, {"id": '"x', "ids": "1,2"}, {}) == {
        "ids": "1,2",
        "all": ["1,2", 'a"x', 3, True, None],
        "n": {"m": '"x'},
    }
    assert filled(body, {"id": "x", "ids": ""}, {"ids": ["1", "2"]}) == {
        "ids": ["1", "2"],
        "all": [["1", "2"], "ax", 3, True, None],
        "n": {"m": "x"},
    }
