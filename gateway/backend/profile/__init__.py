"""Any HTTP mailbox that a TOML file can describe; see docs/profiles.md."""
