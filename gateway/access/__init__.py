"""The deeds of a session: opening a maildrop, UPDATE, the lease. Knows ports, no driver."""
