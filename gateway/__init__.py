"""POP3 in front, somebody else's mailbox behind."""

__version__ = "0.1.0"
