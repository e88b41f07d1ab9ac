"""What all HTTP mailboxes share: requests, credentials, bodies, learned sizes, read-ahead.

A driver implements `api.Api` and makes a `driver.HttpBackend` of it; the rest is here.
Nothing here knows a particular API.
"""
