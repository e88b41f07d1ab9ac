"""Words, hours, plots, causes, places and recipes: values alone."""

import pkgutil
from dataclasses import fields
from importlib import import_module
from xml.etree import ElementTree as ET

import pytest

import gateway
from gateway import errors
from gateway.admin.console import causes, words
from gateway.admin.console.happenings import HAPPENINGS
from gateway.admin.console.hours import by_hour
from gateway.admin.console.place import place_of
from gateway.admin.console.plots import Bars, nice
from gateway.admin.console.recipes import recipes
from gateway.admin.live import Sample, Trouble
from gateway.telemetry import Event

HOUR = 3600
START = 500_000 * HOUR


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KiB"),
        (150_000, "146 KiB"),
        (5e9, "4.7 GiB"),
        (5e15, "4656613 GiB"),
    ],
)
def test_octets(number, text):
    assert words.octets(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7200, "2 hours ago"),
        (9 * 86_400, "9 days ago"),
        (-5, "just now"),
    ],
)
def test_ago(seconds, text):
    assert words.ago(seconds) == text


def test_ahead_and_lasted():
    assert words.ahead(-1) == "is over"
    assert words.ahead(30) == "in less than a minute"
    assert words.ahead(3 * 86_400) == "in 3 days"
    assert words.lasted(3.7) == "3 s"
    assert words.lasted(-3) == "0 s"
    assert words.lasted(61) == "1 minute"


def sample(at, **more):
    values = {
        "sessions": 0,
        "logins": 0,
        "refused": 0,
        "messages": 0,
        "octets": 0,
        "removed": 0,
    }
    return Sample(at, **{**values, **more})


def test_minutes_become_hours():
    samples = [
        sample(START + 60, sessions=3, messages=5, octets=100, logins=2, refused=1),
        sample(START + HOUR, sessions=7, messages=1, octets=1),
        sample(START + HOUR + 60, sessions=2, messages=9),
        sample(START - 48 * HOUR, messages=1000),
    ]
    hours = by_hour(samples, START + HOUR + 90)
    assert len(hours) == 24
    assert [each.messages for each in hours][-2:] == [6, 9]
    assert hours[-2].sessions == 7
    assert (hours[-2].octets, hours[-2].logins, hours[-2].refused) == (101, 2, 1)
    assert sum(each.messages for each in hours) == 15


@pytest.mark.parametrize(
    ("most", "base", "end"),
    [
        (0, 1000, 1),
        (1, 1000, 1),
        (3, 1000, 5),
        (10, 1000, 10),
        (1080, 1000, 2000),
        (999_999, 1000, 1_000_000),
        (501, 1000, 1000),
        (95e6, 1024, 100 * 1024**2),
        (900 * 1024**2, 1024, 1024**3),
    ],
)
def test_axes_end_at_round_numbers(most, base, end):
    assert nice(most, base) == end


def test_a_plot_is_drawn_and_told():
    bars = Bars("A <b>", [0, 5, 10], ["01:00", "02:00", "03:00"], "{:.0f}".format)
    root = ET.fromstring(bars.svg())
    drawn = list(root.iter("rect"))
    assert [float(each.get("height")) for each in drawn] == [51.0, 102.0]
    assert [each.find("title").text for each in drawn] == ["02:00: 5", "03:00: 10"]
    assert root.get("aria-label") == "A <b>, the last 24 hours: most at 03:00: 10"
    assert all(each.get("style") is None for each in root.iter())


def test_an_empty_plot():
    bars = Bars("A", [0] * 24, ["x"] * 24, str)
    assert bars.summary == "nothing in 24 hours"
    assert "rect" not in bars.svg()
    assert Bars("A", [], [], str).svg()


FAILURES = [
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type)
    and issubclass(kind, errors.Failure)
    and kind is not errors.Failure
]


@pytest.mark.parametrize("failure", [name for name in FAILURES if name != "BadCommand"])
def test_every_failure_has_a_cause_and_an_action(failure):
    cause = causes.explain(failure, "")
    assert cause.failure == failure
    assert cause.meaning.endswith(".")
    assert cause.action.endswith(".")


@pytest.mark.parametrize(
    ("failure", "detail", "told"),
    [
        (
            "BadCredentials",
            "the upstream refuses the name or the password: x",
            "mail server says",
        ),
        ("Misconfigured", "https://x: the token lacks a scope, see docs", "less than we need"),
        ("Misconfigured", "certificate verify failed", "not trusted"),
        ("Misconfigured", "the proxy's rules forbid the upstream's host or port", "web proxy"),
        ("Unavailable", "the upstream refused the connection", "does not take connections"),
        ("Unavailable", "the upstream did not take the connection in time", "in time"),
        ("", "", "Something went wrong"),
        ("Nonsense", "x", "Something went wrong"),
    ],
)
def test_details_make_a_cause_plainer(failure, detail, told):
    assert told in causes.explain(failure, detail).meaning


def bad_events():
    for module in pkgutil.walk_packages(gateway.__path__, "gateway."):
        if module.name != "gateway.__main__":
            import_module(module.name)
    return {
        each.name()
        for each in Event.__subclasses__()
        if each.__module__.startswith("gateway.")
        and each.level in {"warning", "error"}
        and "failure" not in {field.name for field in fields(each)}
    }


def test_every_bad_event_is_said_in_plain_words():
    assert bad_events() == set(HAPPENINGS)


def test_an_event_without_a_failure_is_explained_by_its_name():
    cause = causes.cause_of(Trouble(0, "locked_out", "", "", "", "", ""))
    assert "locked" in cause.meaning
    assert causes.cause_of(Trouble(0, "new_event", "", "", "", "", "")).meaning.startswith(
        "Some"
    )


def test_like_failures_are_one_row():
    def trouble(at, user, failure="BadCredentials"):
        return Trouble(at, "login_failed", failure, user, "", "u", "")

    rows = causes.grouped(
        [trouble(5, "a"), trouble(9, "b"), trouble(7, "a"), trouble(8, "", "Throttled")]
    )
    assert [(each.count, each.latest.at, each.users) for each in rows] == [
        (3, 9, ("a", "b")),
        (1, 8, ()),
    ]


@pytest.mark.parametrize(
    ("listen", "console", "expected"),
    [
        ({"tls": ["[::]:995"], "plain": []}, {}, ("mail.example.org", 995, None, "SSL/TLS")),
        (
            {"tls": ["systemd:pop3s"], "plain": ["0.0.0.0:110"]},
            {},
            ("mail.example.org", None, 110, "None"),
        ),
        ({"tls": ["0.0.0.0:0"], "plain": []}, {}, ("mail.example.org", None, None, "None")),
        (
            {"tls": ["127.0.0.1:1995"], "plain": []},
            {"pop3_host": "pop.x", "pop3_tls_port": 995, "pop3_plain_port": 110},
            ("pop.x", 995, 110, "SSL/TLS"),
        ),
    ],
)
def test_where_clients_find_pop3(listen, console, expected):
    place = place_of({"listen": listen, "console": console}, "https://mail.example.org:8443")
    assert (place.host, place.tls_port, place.plain_port, place.security) == expected


def test_recipes_quote_what_a_shell_or_a_file_would_read():
    place = place_of({"listen": {"tls": ["x:995"], "plain": []}}, "https://pop.example.org")
    by_key = {each.key: each for each in recipes(place, "a'b\"c\\d@x")}
    assert "--user 'a'\"'\"'b\"c\\d@x' pop3s://" in by_key["curl"].text
    assert 'user "a\'b\\"c\\\\d@x"' in by_key["fetchmail"].text
    assert {each.key for each in recipes(place, "x")} >= {
        "any",
        "epson",
        "fuji",
        "ricoh",
        "outlook",
    }
