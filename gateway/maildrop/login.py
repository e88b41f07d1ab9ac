"""Who wants in."""

from dataclasses import dataclass

from pydantic import SecretBytes


@dataclass(frozen=True, slots=True)
class Login:
    """A name and password as the client gave them, octet for octet.

    Attributes:
        user: The name, any octets except NUL, CR and LF.
        password: The same for the password; its repr shows nothing.
        peer: The client's address in text form, without the port; empty if unknown.
    """

    user: bytes
    password: SecretBytes
    peer: str = ""
