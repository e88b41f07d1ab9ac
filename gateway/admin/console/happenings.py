"""What the events mean that tell of no failure of the closed set, and what to do."""

from collections.abc import Mapping
from types import MappingProxyType

ELSEWHERE = frozenset(
    {
        "client_secret_ends",
        "consent_ends",
        "consent_lost",
        "known_bad_password",
        "legacy_tls",
        "setup_awaits",
    }
)
"""No failures, or shown in a list of their own on the overview."""

_LISTING = (
    "The mail server listed fewer messages than it says it has.",
    "Nothing, if it passes: nothing is deleted for that. Otherwise look at the mail server.",
)
_LOOK = "Open the mailbox in webmail and look for it; the log has more."
HAPPENINGS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "clear_password_refused": (
            "A client wanted to send its password without TLS, which is not taken from there.",
            "Switch TLS on in the client, or give it a fenced listener.",
        ),
        "connection_refused": (
            "A client was turned away: too many connections.",
            "Let devices look for mail less often, or raise limits.connections.",
        ),
        "console_error": (
            "A page of this console could not be made.",
            "If the database was away, nothing; otherwise report it with the log.",
        ),
        "console_login_refused": (
            "Somebody gave a wrong name or password to this console.",
            "Nothing, if it was you or a colleague.",
        ),
        "foreign_marks_lost": (
            "Messages that another program had marked as deleted lost the mark.",
            "Nothing is lost: delete them there once more.",
        ),
        "good_password_refused": (
            "The mail server refused a password that had worked before.",
            "If it was changed, enter the new one; otherwise it is tried again by itself.",
        ),
        "index_unusable": (
            "What was remembered of a mailbox could not be used: all of it was listed anew.",
            "Look whether the disk of the state directory is full.",
        ),
        "internal_error": (
            "The gateway has a defect.",
            "Please report it, with internal_error from the log.",
        ),
        "interrupted_update_dropped": (
            "A mailbox was replaced while deletions of a crash were still to be done.",
            "Nothing was deleted: devices may fetch that mail once more.",
        ),
        "journal_not_cleared": (
            "The state directory cannot be written to.",
            "Look whether its disk is full, and whether it belongs to the gateway's user.",
        ),
        "last_seen_not_noted": (
            "The database does not take when devices were last seen.",
            "Look at the database; devices that were known go on meanwhile.",
        ),
        "listing_short": _LISTING,
        "locked_out": (
            "A name or an address was locked after many different wrong passwords.",
            "See Locks: lift it if it was a device of yours.",
        ),
        "mailbox_id_twice": (
            "The mail server gave different messages one id; they are never deleted.",
            "Report it to whoever makes the mail server.",
        ),
        "mailbox_listing_short": _LISTING,
        "maildir_message_hidden": ("Two files of a Maildir have one name.", _LOOK),
        "maildir_message_kept": (
            "A file of a Maildir could not be removed.",
            "Look whether it belongs to the gateway's user.",
        ),
        "maildir_size_corrected": (
            "The length in the name of a Maildir's file was wrong.",
            "Nothing: the right one is used.",
        ),
        "octets_differ": (
            "The mail server announced another size of a message than it sent.",
            "Nothing, unless a device shows such messages cut off.",
        ),
        "outside_fence": (
            "Somebody who is not in its fence connected to a fenced listener.",
            "If it was a device of yours, add its address to allow in the settings.",
        ),
        "previous_token_used": (
            "The provider refused the newest refresh token and took the one before it.",
            "Nothing, unless it happens often.",
        ),
        "refresh_failed": (
            "A provider gave no new token.",
            "It is tried again; mail flows while the old one lasts.",
        ),
        "removal_refused": (
            "The provider would not delete a message.",
            "Add the permissions that the provider's page here lists, and sign in again.",
        ),
        "rest_lock_lost": (
            "The lock of a mailbox could not be kept; the session went on.",
            "Nothing, unless it happens often.",
        ),
        "rest_message_kept": ("The mail server did not delete a message.", _LOOK),
        "seen_not_stored": (
            "A message was fetched and could not be marked as read.",
            "Check that the mailbox may be written to.",
        ),
        "sign_in_failed": (
            "An owner's sign-in at the provider came to nothing.",
            "The detail says why; the same link can be used once more.",
        ),
        "sink_failed": (
            "Counting has a defect. Mail is not affected.",
            "Please report it, with sink_failed from the log.",
        ),
        "size_differs": (
            "The mail server announced another size of a message than it has.",
            "Nothing: the right one is kept.",
        ),
        "throttle_unusable": (
            "What guards against guessers could not be written.",
            "Look whether the disk of the state directory is full.",
        ),
        "update_refused": (
            "The mail server would not delete some messages.",
            "They will be offered again. Check that the mailbox may be written to.",
        ),
        "upstream_alert": (
            "The mail server has something to tell.",
            "The detail, or the log, has its words.",
        ),
        "upstream_deaf": (
            "The mail server loses what is sent right behind the password.",
            "Nothing; pipeline_login = false in the settings saves some time.",
        ),
        "upstream_lost": (
            "The mail server hung up in the middle of a session.",
            "The device comes again by itself. If it stays, look at the mail server.",
        ),
    }
)
