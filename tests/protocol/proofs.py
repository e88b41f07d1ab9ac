"""What a client answers to the challenges of the runners with a fake upstream, in base64."""

import base64
import hashlib
import hmac

from scramp import ScramClient

from tests.support.known_devices import SALT

CHALLENGE = b"<fresh@pop3-gateway>"
_CLIENT_NONCE = "of-the-client"


def words(user, password):
    """Each placeholder of a dialog with its octets."""
    digest = hmac.new(password, CHALLENGE, "md5").hexdigest().encode()
    end = b"\x01auth=Bearer " + password + b"\x01\x01"
    return {
        "{apop}": hashlib.md5(CHALLENGE + password).hexdigest().encode(),
        "{cram64}": _64(user + b" " + digest),
        "{bearer64}": _64(b"n,a=" + user + b"," + end),
        "{xoauth64}": _64(b"user=" + user + end),
    }


def scram(user, password):
    """The same for the four messages of SCRAM-SHA-256."""
    mechanisms = ["SCRAM-SHA-256"]
    client = ScramClient(mechanisms, user.decode(), password.decode(), c_nonce=_CLIENT_NONCE)
    first = client.get_client_first()
    challenge = f"r={_CLIENT_NONCE}fresh,s={_64(SALT).decode()},i=4096"
    client.set_server_first(challenge)
    last = client.get_client_final()
    signature = b"v=" + _64(client.server_signature)
    messages = (first.encode(), challenge.encode(), last.encode(), signature)
    return {f"{{scram{n}}}": _64(text) for n, text in enumerate(messages, 1)}


def _64(octets):
    return base64.b64encode(octets)
