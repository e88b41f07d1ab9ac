"""The IMAP driver: a mailbox behind any IMAP4rev1 server (RFC 3501, RFC 9051)."""
