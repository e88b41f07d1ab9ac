"""JMAP mailboxes (RFC 8620 and 8621): the INBOX of the account that the credentials open."""
