"""A door with the devices that a test names: every way to prove a password, and no store."""

from pydantic import SecretBytes

from gateway.accounts.door import Admission
from gateway.accounts.sasl_digest import matches
from gateway.accounts.sasl_scram import make_verifier
from gateway.errors import BadCredentials
from gateway.maildrop import Digest, Login, Scram, ScramVerifier

DEVICE = "printer"
SALT = b"salt of a test.."


class KnownDevice:
    """Knows one device, as `gateway.accounts.door.Door` has it, and lets everything else pass.

    A password or token is passed on to the upstream as it came; what is proved by a digest or by
    SCRAM is shown there as the device's password.

    Args:
        user, password: Of the device.
        opens: The name and password that the upstream is shown for it, if others.
    """

    def __init__(self, user, password, opens=None):
        self.user, self.password = user, password
        self.opens = opens or (user, password)
        self.attempts, self.ends = [], []

    async def admit(self, attempt):
        self.attempts.append(attempt)
        proof = attempt.proof
        if isinstance(proof, SecretBytes):
            return Admission("", Login(attempt.user, proof, attempt.peer))
        if attempt.user != self.user or not self._proven(proof):
            raise BadCredentials("not the device's password")
        user, password = self.opens
        login = Login(user, SecretBytes(password), attempt.peer)
        return Admission("", login, self.user.decode("latin-1"), DEVICE)

    def _proven(self, proof):
        if isinstance(proof, Digest):
            return matches(proof, self.password)
        if isinstance(proof, Scram):
            return proof.proven and proof.device == DEVICE
        return proof.token.get_secret_value() == self.password

    async def ended(self, attempt, admission, failure):
        self.ends.append((attempt, admission, failure))

    async def verifier(self, user):
        if user != self.user:
            return ScramVerifier("", SALT, 4096, bytes(32), bytes(32))
        return make_verifier(DEVICE, SecretBytes(self.password), SALT)
