"""Names of accounts and devices, and where patterns of names lead to."""

import pytest

from gateway.accounts.names import (
    Route,
    account_fault,
    device_fault,
    same_name,
    split,
    template_fault,
)


@pytest.mark.parametrize("name", ["kim", "kim@example.org", "Kïm Müller", "a" * 320])
def test_names_that_an_account_can_have(name):
    assert account_fault(name) == ""


@pytest.mark.parametrize("name", ["", "a/b", " kim", "kim\n", "a\0b", "a" * 321])
def test_names_that_no_account_can_have(name):
    assert account_fault(name)


@pytest.mark.parametrize("name", ["a", "canon-2", "0", "a" * 64])
def test_names_that_a_device_can_have(name):
    assert device_fault(name) == ""


@pytest.mark.parametrize("name", ["", "-a", "a-", "Canon", "a b", "a/b", "ä", "a" * 65, "a\n"])
def test_names_that_no_device_can_have(name):
    assert device_fault(name)


def test_a_login_may_name_the_device():
    assert split(b"kim@example.org/canon") == ("kim@example.org", "canon")
    assert split(b"kim") == ("kim", "")
    assert split(b"\xff") == ("\udcff", "")


@pytest.mark.parametrize(
    ("match", "name", "leads"),
    [
        ("example.org", "kim@example.org", True),
        ("example.org", "KIM@Example.ORG", True),
        ("example.org", "kim@mail.example.org", False),
        ("example.org", "kim@exampleXorg", False),
        ("example.org", "kim", False),
        ("*@*.example.org", "kim@mail.example.org", True),
        ("scan*", "scanner", True),
        ("scan*", "my-scanner", False),
        ("*", "anybody\nat all", True),
        ("a.*", "abc", False),
    ],
)
def test_which_names_a_route_leads(match, name, leads):
    assert Route(match, "imaps://x").leads(name) is leads


@pytest.mark.parametrize(
    ("user", "mailbox"),
    [
        ("{user}", "kim@a@example.org"),
        ("{local}", "kim@a"),
        ("{local}+{domain}", "kim@a+example.org"),
    ],
)
def test_the_name_at_the_upstream(user, mailbox):
    assert Route("*", "imaps://x", user).mailbox("kim@a@example.org") == mailbox


def test_a_name_without_a_domain_is_all_local():
    assert Route("*", "x", "{local}|{domain}").mailbox("kim") == "kim|"


def test_a_name_with_braces_is_no_template():
    assert Route("*", "x", "{user}").mailbox("{local}") == "{local}"


@pytest.mark.parametrize("user", ["kim", "{name}", "{user}}", ""])
def test_templates_that_do_not_do(user):
    assert template_fault(user)


def test_templates_that_do():
    assert template_fault("x-{local}@{domain}") == ""


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Kim@Example.org", "kim@example.ORG", True),
        ("müller", "müller", True),
        ("müller", "MÜLLER", False),
        ("smith", "\N{LATIN SMALL LETTER LONG S}mith", False),
        ("kim", "\N{KELVIN SIGN}im", False),
        ("strasse", "straße", False),
        ("kim", "kim ", False),
    ],
)
def test_which_names_are_the_same_user_elsewhere(one, other, same):
    assert same_name(one, other) is same
    assert same_name(other, one) is same
