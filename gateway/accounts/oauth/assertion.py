"""Client secrets that are private keys: what is signed with them, instead of being shown.

A client secret of text is sent as it is. A PEM file with a private key and its certificate
proves who the client is by a signed assertion (RFC 7523 §2.2; learn.microsoft.com/entra/
identity-platform/certificate-credentials). The JSON file of a Google service account opens
mailboxes of its Workspace domain (RFC 7523 §2.1; developers.google.com/identity/protocols/
oauth2/service-account, "domain-wide delegation").
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import SecretStr

from gateway.errors import Misconfigured

# Google takes an hour at the most; a clock may be wrong by some minutes.
_LIFE = 600
_EARLIER = 60
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_BEGIN = "-----BEGIN "
_NEEDED = ("client_email", "private_key", "private_key_id")


def is_certificate(secret: SecretStr | None) -> bool:
    """Whether it is a PEM file."""
    return secret is not None and secret.get_secret_value().lstrip().startswith(_BEGIN)


def is_service_account(secret: SecretStr | None) -> bool:
    """Whether it is the JSON file of a Google service account."""
    return secret is not None and bool(_service_account(secret))


def check_key(secret: SecretStr) -> None:
    """Whether a file can be used as a client secret.

    Raises:
        Misconfigured: It is neither of the two, or something is missing in it.
    """
    if is_certificate(secret):
        client_assertion(secret, "check", "https://token.example", 0)
    elif is_service_account(secret):
        mailbox_assertion(secret, "kim@example.org", (), "https://token.example", 0)
    else:
        raise Misconfigured(
            "the key file is neither PEM with a private key and its certificate, nor the JSON "
            "file of a Google service account"
        )


def client_assertion(secret: SecretStr, client_id: str, token_url: str, now: float) -> str:
    """Who the client is.

    Args:
        secret: PEM: a private key of RSA that is not encrypted, and its certificate.
        client_id: Of our registration.
        token_url: Where it is shown.
        now: Seconds since 1970.

    Raises:
        Misconfigured: The key or the certificate cannot be used.
    """
    pem = secret.get_secret_value().encode()
    try:
        key: Any = load_pem_private_key(pem, password=None)
        certificate = x509.load_pem_x509_certificate(pem)
    except (ValueError, TypeError):
        raise Misconfigured(
            "the client's key file must hold a private key that is not encrypted, and its "
            "certificate, both as PEM"
        ) from None
    if certificate.public_key() != key.public_key():
        raise Misconfigured("the certificate in the client's key file is of another key")
    thumbprint = urlsafe_b64encode(certificate.fingerprint(SHA256())).rstrip(b"=").decode()
    claims = {"iss": client_id, "sub": client_id, "aud": token_url, "jti": str(uuid4())}
    return _signed(claims, key, {"x5t#S256": thumbprint}, "PS256", now)


def mailbox_assertion(
    secret: SecretStr, mailbox: str, scopes: Sequence[str], token_url: str, now: float
) -> str:
    """That a service account is to have a mailbox of its domain.

    Args:
        secret: The JSON file.
        mailbox: Whose.
        scopes: What for.
        token_url: Where it is shown.
        now: Seconds since 1970.

    Raises:
        Misconfigured: The file cannot be used.
    """
    account = _service_account(secret)
    claims = {
        "iss": account.get("client_email"),
        "sub": mailbox,
        "scope": " ".join(scopes),
        "aud": token_url,
    }
    try:
        key = load_pem_private_key(str(account.get("private_key")).encode(), password=None)
    except (ValueError, TypeError):
        raise Misconfigured("the service account's file has no usable private key") from None
    return _signed(claims, key, {"kid": str(account["private_key_id"])}, "RS256", now)


def _signed(
    claims: Mapping[str, Any], key: Any, headers: dict[str, str], algorithm: str, now: float
) -> str:
    times = {"iat": int(now), "nbf": int(now) - _EARLIER, "exp": int(now) + _LIFE}
    if algorithm == "RS256":
        del times["nbf"]  # Google does not know it
    try:
        return jwt.encode({**claims, **times}, key, algorithm=algorithm, headers=headers)
    except (TypeError, jwt.PyJWTError):
        raise Misconfigured("the private key is of another kind than RSA") from None


def _service_account(secret: SecretStr) -> Mapping[str, Any]:
    try:
        found = json.loads(secret.get_secret_value())
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or found.get("type") != "service_account":
        return {}
    return found if all(isinstance(found.get(name), str) for name in _NEEDED) else {}
