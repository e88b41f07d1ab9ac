"""What people read."""

import json
from email import message_from_bytes, policy

from gateway.admin.alarms.letter import Letter
from gateway.admin.alarms.worries import Worry

STOPPED = Worry("a", "the mail of kim@example.org has stopped", "withdrawn", "sign in")
SILENT = Worry("b", "müller/canon has fetched no mail for 9 days", "", "look")


def test_a_mail_says_it_all_and_wants_no_answer():
    letter = Letter([STOPPED, SILENT], "https://pop.example.org")
    made = letter.mail("gateway@example.org", ["a@example.org", "b@example.org"], 0.0)
    mail = message_from_bytes(made.as_bytes(), policy=policy.default)
    assert mail["Subject"] == (
        "POP3 gateway: the mail of kim@example.org has stopped, and 1 more"
    )
    assert mail["To"] == "a@example.org, b@example.org"
    assert mail["Date"] == "Thu, 01 Jan 1970 00:00:00 +0000"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@example.org>")
    text = mail.get_content()
    assert "The mail of kim@example.org has stopped.\n  withdrawn\n" in text
    assert "Müller/canon" in text
    assert "https://pop.example.org/" in text


def test_a_subject_of_any_letters_is_one_line():
    worry = Worry("a", f"the mail of {'ü' * 300}", "", "look")
    octets = Letter([worry], "").mail("a@example.org", ["b@example.org"], 0.0).as_bytes()
    mail = message_from_bytes(octets, policy=policy.default)
    assert mail["Subject"] == f"POP3 gateway: {worry.what}"


def test_a_webhook_gets_text_and_data():
    whole = json.loads(Letter([STOPPED], "").json())
    assert whole["text"].startswith("POP3 gateway: the mail of kim@example.org has stopped\n")
    assert whole["worries"][0]["advice"] == "sign in"


def test_a_letter_is_bounded():
    letter = Letter([STOPPED] * 1000, "")
    assert letter.text.endswith("… and 950 more.\n")
    assert len(json.loads(letter.json())["worries"]) == 50
