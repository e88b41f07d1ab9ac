"""The driver for the Gmail API."""
