"""SCRAM-SHA-256 (RFC 5802, RFC 7677): the password is proved and never shown.

The messages and their cryptography are scramp's. It wants to be given the verifier at once;
we must ask for it, so that the first message is read twice.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from pydantic import SecretBytes
from scramp import ScramException, ScramMechanism
from scramp.utils import ServerError

from gateway.accounts.sasl import Credentials, SaslError, VerifierWanted, name
from gateway.maildrop import Scram, ScramVerifier

_ROUNDS = 4096
_SCRAM = ScramMechanism("SCRAM-SHA-256")
# Stands in for a verifier while the first message is read for its name alone.
_NOBODY = (bytes(16), b"", b"", _ROUNDS)


class ScramSha256:
    """One exchange. Channel binding is not offered, and no other authorization identity taken.

    Args:
        fresh: Gives octets that nobody can foresee, printable and without commas.
    """

    first_challenge = b""

    def __init__(self, fresh: Callable[[], bytes]) -> None:
        self._nonce = fresh().decode("ascii")
        self._server: Any = None
        self._user = b""
        self._device = ""

    def respond(self, response: bytes) -> VerifierWanted | Credentials:
        """Take the client's first message, then its last one."""
        message = _text(response)
        if self._server is None:
            self._user = name(_name_in(message))
            return VerifierWanted(self._user, lambda verifier: self._told(message, verifier))
        try:
            self._server.set_client_final(message)
        except ScramException as error:
            if error.server_error is not ServerError.INVALID_PROOF:
                raise SaslError("not the last message of this exchange") from None
            return Credentials(self._user, Scram(self._device, proven=False))
        accepted = str(self._server.get_server_final()).encode()
        return Credentials(self._user, Scram(self._device, proven=True), accepted=accepted)

    def _told(self, message: str, verifier: ScramVerifier) -> bytes:
        known = (verifier.salt, verifier.stored_key, verifier.server_key, verifier.iterations)
        self._device = verifier.device
        self._server = server = _SCRAM.make_server(lambda _: known, s_nonce=self._nonce)
        try:
            server.set_client_first(message)
            return str(server.get_server_first()).encode()
        except ScramException:
            raise SaslError("the verifier cannot be used") from None


def make_verifier(
    device: str, password: SecretBytes, salt: bytes, iterations: int = _ROUNDS
) -> ScramVerifier:
    """What to keep of a password.

    Args:
        device: Whose it is.
        password: UTF-8, prepared by SASLprep (RFC 4013) as the client does it.
        salt: At least 12 random octets.
        iterations: At least 4096.

    Raises:
        ValueError: The password is none that SASLprep lets through, or a number is too low.
    """
    try:
        text = password.get_secret_value().decode()
        made = _SCRAM.make_auth_info(text, iteration_count=iterations, salt=salt)
    except (ScramException, UnicodeDecodeError):
        raise ValueError("no verifier can be made of this") from None
    _, stored_key, server_key, _ = made
    return ScramVerifier(device, salt, iterations, stored_key, server_key)


def write_verifier(verifier: ScramVerifier) -> str:
    """As the directory keeps it: `iterations:salt:stored_key:server_key`, base64."""
    parts = (verifier.salt, verifier.stored_key, verifier.server_key)
    return ":".join([str(verifier.iterations), *(base64.b64encode(p).decode() for p in parts)])


def read_verifier(device: str, text: str) -> ScramVerifier:
    """What `write_verifier` wrote.

    Raises:
        ValueError: It did not.
    """
    try:
        iterations, *parts = text.split(":")
        salt, stored, server = (base64.b64decode(part, validate=True) for part in parts)
        return ScramVerifier(device, salt, int(iterations), stored, server)
    except (ValueError, binascii.Error):
        raise ValueError("not a SCRAM verifier") from None


def _name_in(message: str) -> bytes:
    """The name in the client's first message."""
    names: list[str] = []

    def note(user: str) -> tuple[bytes, bytes, bytes, int]:
        names.append(user)
        return _NOBODY

    try:
        _SCRAM.make_server(note).set_client_first(message)
    except ScramException:
        raise SaslError("not the first message of SCRAM-SHA-256") from None
    return names[0].encode()


def _text(response: bytes) -> str:
    try:
        return response.decode()
    except UnicodeDecodeError:
        raise SaslError("not UTF-8") from None
