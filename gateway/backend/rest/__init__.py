"""The driver of our own REST mailbox contract: docs/rest-mailbox/."""
