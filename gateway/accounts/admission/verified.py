"""Whether a password is a device's: by Argon2id once, then by what is remembered of it."""

import hmac
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from pydantic import SecretStr

from gateway.accounts.model import Device
from gateway.accounts.passwords import normalised, verify

_MOST = 100_000
Run = Callable[[Callable[[], bool]], Awaitable[bool]]


class Verified:
    """Checks passwords of devices.

    What is remembered of a good one is of no use outside this process, and none at all once
    the device has another password.

    Args:
        run: Runs what takes milliseconds and some 20 MiB elsewhere, a few at a time.
        key: Random octets.
    """

    def __init__(self, run: Run, key: bytes) -> None:
        self._run = run
        self._key = key
        self._good: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    async def which(self, devices: Sequence[Device], password: SecretStr) -> Device | None:
        """The one whose password it is; without devices it takes as long as with one."""
        text = normalised(password)
        for device in devices:
            if await self._is(device, text):
                return device
        if not devices:
            await self._run(lambda: verify("", text))
        return None

    async def _is(self, device: Device, text: SecretStr) -> bool:
        place = (device.account.casefold(), device.name)
        proof = self._proof(device, text)
        known = self._good.get(place)
        if known is not None and hmac.compare_digest(known, proof):
            self._good.move_to_end(place)
            return True
        if not await self._run(lambda: verify(device.hash, text)):
            return False
        self._good[place] = proof
        self._good.move_to_end(place)
        if len(self._good) > _MOST:
            self._good.popitem(last=False)
        return True

    def _proof(self, device: Device, text: SecretStr) -> bytes:
        inner = hmac.digest(self._key, device.hash.encode(), "sha256")
        return hmac.digest(inner, text.get_secret_value().encode(), "sha256")
