"""OAuth2 towards the provider of the mailboxes (RFC 6749, 7636, 8628, 7662; OIDC Core).

`oauthlib` makes the requests and reads the answers, `fetch` carries them, `service` is how
an owner signs in, `tokens` gives the drivers what opens a mailbox, `watch` sees the end of
a consent coming.
"""
