"""The embedded driver: a Maildir on this machine, for which no mail server is needed."""

from gateway.backend.embedded.driver import MaildirBackend
from gateway.backend.embedded.settings import MaildirSettings

__all__ = ["MaildirBackend", "MaildirSettings"]
