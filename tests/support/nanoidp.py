"""nanoidp as the identity provider: sign-in, tokens, introspection, revocation.

Ask for the scope ``offline_access`` to get a refresh token. Life times are whole minutes.
"""

import base64
import http.cookiejar
import json
import re
import urllib.error
import urllib.parse
import urllib.request

import yaml

from tests.support.http_server import PATIENCE, SERVERS, HttpServer

PROGRAM = SERVERS / "nanoidp" / "bin" / "nanoidp"
CLIENT, CLIENT_SECRET = "gateway", "gateway-s3cret"
ASKER, ASKER_SECRET = "dovecot", "dovecot-s3cret"
PASSWORD = "s3cret of the owner"


class NanoIdp(HttpServer):
    """nanoidp 3.4 on loopback.

    Args:
        users: Their names; NAME@example.org is the address of each.
        rotates: Whether each refresh gives another refresh token. To use one a second time
            then ends the whole consent.
        minutes: How long access tokens last.
    """

    name = "nanoidp"
    programs = (PROGRAM,)

    def __init__(self, *users, rotates=False, minutes=60):
        super().__init__()
        self.users = users or ("alice", "bob")
        self.rotates, self.minutes = rotates, minutes

    def prepare(self):
        clients = [(CLIENT, CLIENT_SECRET), (ASKER, ASKER_SECRET)]
        settings = {
            "server": {"host": self.host, "port": self.http_port},
            "oauth": {
                "issuer": self.url,
                "audience": "imap",
                "token_expiry_minutes": self.minutes,
                "refresh_token_rotation": self.rotates,
                "clients": [{"client_id": i, "client_secret": s} for i, s in clients],
            },
        }
        people = {
            name: {"password": PASSWORD, "email": f"{name}@example.org"} for name in self.users
        }
        (self.directory / "settings.yaml").write_text(yaml.safe_dump(settings))
        (self.directory / "users.yaml").write_text(yaml.safe_dump({"users": people}))

    def command(self):
        return [str(PROGRAM), "--config", str(self.directory)]

    def environment(self):
        return {**super().environment(), "HOME": str(self.directory)}

    # What an owner does in a browser.

    def sign_in(self, url, user="alice", password=PASSWORD):
        """Fill the form in at ``url``; the query with which the browser is sent back."""
        browser = _Browser()
        page = browser.get(url)
        fields = dict(re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', page))
        sent = {**fields, "username": user, "password": password}
        return urllib.parse.urlsplit(browser.post(url, sent)).query

    def enter(self, user_code, user="alice"):
        """Enter the code of another screen, and agree."""
        form = {
            "user_code": user_code,
            "username": user,
            "password": PASSWORD,
            "action": "authorize",
        }
        _Browser().post(f"{self.url}/device", form, redirected=False)

    # Looking at it and meddling with it.

    def revoke(self, token):
        """Make an access or refresh token worthless, as an administrator would."""
        self.form("/revoke", {"token": token}, CLIENT, CLIENT_SECRET)

    def active(self, token):
        """Whether it is good, as the provider tells Dovecot."""
        answer = self.form("/introspect", {"token": token}, ASKER, ASKER_SECRET)
        return json.loads(answer)["active"]

    def form(self, path, form, client, secret):
        """What is answered to a client."""
        pair = base64.b64encode(f"{client}:{secret}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}"}
        return _Browser().post(self.url + path, form, headers, redirected=False)

    @property
    def asked_for_tokens(self):
        """How many requests for tokens there were."""
        return self.log_text().count('"POST /token HTTP')


class _Browser(urllib.request.HTTPRedirectHandler):
    """Keeps cookies, and does not go where it is sent."""

    def __init__(self):
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        no_proxy = urllib.request.ProxyHandler({})
        self._opener = urllib.request.build_opener(cookies, no_proxy, self)

    def redirect_request(self, *_):
        return None

    def get(self, url):
        with self._opener.open(url, timeout=PATIENCE) as answer:
            return answer.read().decode()

    def post(self, url, form, headers=(), *, redirected=True):
        """Where it is sent, or what the page says."""
        data = urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(url, data, dict(headers))
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                if redirected and error.code in {302, 303}:
                    return error.headers["Location"]
                raise RuntimeError(f"{url}: {error.code} {error.read()[:300]!r}") from None
        if redirected:
            raise RuntimeError(f"{url}: no redirect, but {re.sub(r'<[^>]*>', ' ', text)[:600]}")
        return text
