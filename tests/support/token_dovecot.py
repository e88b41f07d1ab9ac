"""Dovecot that takes access tokens, and asks the identity provider whose they are."""

from tests.support.dovecot import Dovecot
from tests.support.nanoidp import ASKER, ASKER_SECRET

_PASSDB = """passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {file}
}}"""
# Without a cache: a token that was revoked a moment ago must be refused.
_ASK = """introspection_mode = post
introspection_url = http://{asker}:{secret}@{host}:{port}/introspect
force_introspection = yes
username_attribute = sub
active_attribute = active
active_value = true
timeout_msecs = 5000
openid_configuration_url = {url}/.well-known/openid-configuration
"""


class TokenDovecot(Dovecot):
    """See `Dovecot`; users are those of the provider, and each has an INBOX here.

    Args:
        idp: The running provider.
        mechanisms: What AUTHENTICATE offers.
    """

    def __init__(self, idp, *, mechanisms="plain login xoauth2 oauthbearer", **more):
        super().__init__(mechanisms=mechanisms, **more)
        self._idp = idp

    def prepare(self):
        file = self.directory / "oauth2.conf.ext"
        self._extra += _PASSDB.format(file=file)
        super().prepare()
        where = {"host": self._idp.host, "port": self._idp.http_port, "url": self._idp.url}
        file.write_text(_ASK.format(asker=ASKER, secret=ASKER_SECRET, **where))
        file.chmod(0o644)

    def wait_until_ready(self):
        super().wait_until_ready()
        for user in self._idp.users:
            if user.encode() not in self._boxes:
                self.add_user(user, f"password of {user}")
