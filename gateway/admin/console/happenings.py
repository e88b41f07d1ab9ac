"""What an event of the log means in plain words, where it names no failure: a table."""

from collections.abc import Mapping
from types import MappingProxyType

_BY_ITSELF = "Nothing, unless it happens often."
_LOG = "The log has the details; please report it if it stays."
_OWNER = "Open the account and send its owner a link to sign in."

# By the event's name: what has happened, and what helps.
HAPPENINGS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "alarm_not_sent": (
            "Those of [alarms] in the settings could not be told of something.",
            "pop3-gateway test-alarm shows why; it is tried again every ten minutes.",
        ),
        "clear_password_refused": (
            "A client of another machine wanted to log in without TLS, and was refused.",
            "Switch TLS on at the device, or make a fenced listener for it.",
        ),
        "client_secret_ends": (
            "A provider's client secret ends soon, and with it the mail of all its accounts.",
            "Make a new one at the provider, and enter it on the provider's page.",
        ),
        "connection_refused": (
            "More connections than the limits allow.",
            "Look at Sessions; raise limits.connections if they are all wanted.",
        ),
        "consent_ends": ("A consent ends soon.", _OWNER),
        "consent_lost": ("A consent is gone: the account gets no mail.", _OWNER),
        "console_error": ("A page of this console could not be made.", _LOG),
        "console_login_refused": (
            "Somebody could not sign in to this console.",
            "Nothing, if it was a slip. Guessers are slowed down.",
        ),
        "foreign_marks_lost": (
            "Messages that another program had marked as deleted are there, but unmarked.",
            "Nothing is lost; that program may mark them again.",
        ),
        "good_password_refused": (
            "The mail server refused a password that had worked before.",
            "Enter the new password, if it was changed there.",
        ),
        "index_unusable": (
            "An index in the state directory could not be used; logins are slower.",
            "Check that the state directory can be written to and is not full.",
        ),
        "internal_error": ("A mistake of the gateway's own.", _LOG),
        "interrupted_update_dropped": (
            "Deletions that a crash had cut off were dropped, as the mailbox was replaced.",
            "Messages that a device deleted may be offered once more.",
        ),
        "journal_not_cleared": (
            "The journal of deletions could not be written.",
            "Check that the state directory can be written to and is not full.",
        ),
        "known_bad_password": (
            "A device still shows a password that the mail server has refused.",
            "Enter the right password in the device.",
        ),
        "last_seen_not_noted": (
            "When devices were last seen could not be noted.",
            "Check the database of the accounts.",
        ),
        "legacy_tls": (
            "A device uses TLS 1.0 or 1.1.",
            "See whether newer firmware knows more.",
        ),
        "listing_short": ("The mail server listed fewer messages than it has.", _BY_ITSELF),
        "locked_out": (
            "A name or an address was locked, after many different wrong passwords.",
            "See Locks: it ends by itself, and can be lifted.",
        ),
        "mailbox_id_twice": (
            "The mail server gives different messages one id: they are never deleted.",
            "Tell whoever runs the mail server.",
        ),
        "mailbox_listing_short": (
            "The mail server listed fewer messages than it says it has.",
            _BY_ITSELF,
        ),
        "maildir_message_hidden": (
            "Two files of a Maildir have one name; one of them is not shown.",
            "Rename one of them.",
        ),
        "maildir_message_kept": (
            "A file of a Maildir could not be removed.",
            "Check that the gateway may write to the Maildir.",
        ),
        "maildir_size_corrected": (
            "A file of a Maildir has another length than its name says.",
            "Nothing: the right one is used.",
        ),
        "octets_differ": (
            "The mail server announced another size than it sent.",
            "Nothing: the right one is used from now on.",
        ),
        "outside_fence": (
            "Somebody came to a fenced listener from outside its fence.",
            "Add the address to the fence, if it is one of yours.",
        ),
        "previous_token_used": (
            "The provider took an older refresh token instead of the newest.",
            _BY_ITSELF,
        ),
        "refresh_failed": (
            "An access token could not be refreshed for now.",
            "It is tried again; if it stays, look at the account and the provider.",
        ),
        "removal_refused": (
            "The mail server would not delete a message.",
            "Check that the sign-in allows writing to the mailbox.",
        ),
        "rest_lock_lost": ("The lock of a mailbox was lost; the session goes on.", _BY_ITSELF),
        "rest_message_kept": (
            "The mail server did not delete a message.",
            "Tell whoever runs the mail server.",
        ),
        "seen_not_stored": (
            "A message was fetched and could not be marked as read.",
            "Check that the mailbox may be written to.",
        ),
        "sign_in_failed": (
            "The owner of a mailbox could not be signed in.",
            "He was told why, and can try again by the same link.",
        ),
        "sink_failed": ("Something could not be written to the log or the counters.", _LOG),
        "size_differs": (
            "A message has another size than the mail server promised.",
            "Nothing: the right one is used from now on.",
        ),
        "throttle_unusable": (
            "Wrong passwords could not be counted; new passwords are refused until they can.",
            "Check that the state directory can be written to and is not full.",
        ),
        "update_refused": (
            "The mail server would not delete some messages.",
            "Check that the mailbox may be written to.",
        ),
        "watch_failed": ("A mistake of the gateway's own, in the look after consents.", _LOG),
        "upstream_alert": ("The mail server has something to tell its users.", "Read it."),
        "upstream_deaf": (
            "The mail server loses what is sent right behind the password.",
            "Nothing; pipeline_login = false saves a moment.",
        ),
        "upstream_lost": ("The mail server hung up in the middle of a session.", _BY_ITSELF),
    }
)
