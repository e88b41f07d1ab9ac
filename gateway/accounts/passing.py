"""The door without a directory: whoever the upstream knows is let through to it."""

from dataclasses import dataclass
from typing import Never

from pydantic import SecretBytes

from gateway.accounts.door import Admission
from gateway.errors import BadCredentials, Failure
from gateway.maildrop import Attempt, BearerToken, Login


@dataclass(frozen=True, slots=True)
class ClientToken:
    """The one token that a client showed; a `gateway.maildrop.Tokens`."""

    value: SecretBytes

    async def token(self) -> bytes:
        """The token."""
        return self.value.get_secret_value()

    async def renew(self, refused: bytes) -> bytes:
        """There is no other: the client itself must get a new one."""
        return refused


class PassThrough:
    """Shows the upstream what the client has shown; a `gateway.accounts.door.Door`."""

    async def admit(self, attempt: Attempt) -> Admission:
        """See `Door.admit`.

        Raises:
            BadCredentials: What he showed is nothing that can be passed on.
        """
        proof = attempt.proof
        if isinstance(proof, SecretBytes):
            return Admission("", Login(attempt.user, proof, attempt.peer))
        if isinstance(proof, BearerToken):
            # As the password too: a session that is kept for who showed this token must not
            # be opened by another, which nobody has looked at.
            tokens = ClientToken(proof.token)
            return Admission("", Login(attempt.user, proof.token, attempt.peer, tokens))
        raise BadCredentials("there is no directory that could check a digest")

    async def ended(
        self, attempt: Attempt, admission: Admission, failure: Failure | None
    ) -> None:
        """See `Door.ended`; nothing is remembered."""

    async def verifier(self, user: bytes) -> Never:  # noqa: ARG002 - see `Door`
        """Never offered without a directory.

        Raises:
            BadCredentials: Always.
        """
        raise BadCredentials("there is no directory that could have a verifier")
