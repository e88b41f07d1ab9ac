"""The example of the REST mailbox contract: a server to read and to copy.

The contract is in docs/rest-mailbox/. `api.py` is the contract itself, and what it needs is
beside it; only `maildir.py` knows where the mail is. Whoever has a webmail writes another
`store.Store` and keeps the rest, or reads it and writes it anew in his own language.
"""
