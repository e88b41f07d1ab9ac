"""The parts of `check-mailbox`."""
