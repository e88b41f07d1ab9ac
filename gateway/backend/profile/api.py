"""An HTTP mailbox as a profile describes it."""

from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import TimeoutError as TookTooLong

from gateway.backend.http.api import MESSAGE_ACCEPT, Listing, Message, Raw, Traits
from gateway.backend.http.client import Caller
from gateway.backend.profile.call import below, filled_headers, path, request
from gateway.backend.profile.deletion import Deletion
from gateway.backend.profile.listing import Lister
from gateway.backend.profile.schema import Profile
from gateway.backend.profile.template import Template, Url, Values
from gateway.backend.profile.unpack import decoder
from gateway.errors import Failure
from gateway.index import TextRecord

# Deletions come in calls of their own size; this is how often a list may be read for them.
_AT_ONCE = 2000
_LOGOUT_SECONDS = 5.0


class ProfileApi:
    """See `gateway.backend.http.api.Api`.

    Args:
        profile: Says how everything is done.
        caller: Of this login.
        values: The names known after login; a login in the middle of the session changes them.
    """

    def __init__(self, profile: Profile, caller: Caller, values: Values) -> None:
        self._profile = profile
        self._caller = caller
        self._values = values
        self._raw_url = Url.parse(profile.raw.url)
        self._decoder = decoder(profile.raw)
        self._scope = Template.parse(profile.ids.scope).fill(values)
        self._epoch = f"{_fingerprint(profile)}.{self._scope}"
        self._lister = Lister(profile, caller, values)
        self._deletion = Deletion(profile, caller, values, self._lister)

    @property
    def traits(self) -> Traits:
        """See `Api`."""
        profile = self._profile
        return Traits(
            exact_octets=profile.list.exact,
            delta=False,
            order="listed",
            remove_at_once=_AT_ONCE,
            concurrency=profile.parallel,
            prefix=self._scope,
        )

    async def list(self, known: TextRecord | None) -> Listing:
        """See `Api`."""
        # Asked for before the list: what changes in between shows next time.
        state = await self._lister.state()
        same = known is not None and known.epoch == self._epoch
        before: Mapping[str, str] = known.state if known is not None and same else {}
        if state and before.get("state") == state:
            # Anybody may be told what tells that nothing changed.
            if not self._logged_in:
                await self._lister.prove()
            return self._unchanged(before)
        listed = await self._lister.everything(before.get("etag", ""))
        if listed is None:
            return self._unchanged(before)
        etag = listed.etag if self._profile.unchanged and self._profile.unchanged.etag else ""
        told = {"state": state, "etag": etag}
        kept = {name: value for name, value in told.items() if value}
        return Listing(self._epoch, listed.rows, kept, total=listed.total)

    def raw(self, message: Message) -> Raw:
        """See `Api`."""
        raw = self._profile.raw
        values = {**self._values, "id": message.locator or message.id}
        embedded = raw.encoding != "octets"
        accept = "application/json" if embedded else MESSAGE_ACCEPT
        return Raw(
            below(self._caller, path(self._raw_url, values)),
            {"Accept": accept, **filled_headers(raw.headers, self._values)},
            self._decoder,
            raw.gone,
        )

    async def remove(self, messages: Sequence[Message]) -> Collection[str]:
        """See `Api`."""
        return await self._deletion.remove(messages, [self.raw(each) for each in messages])

    async def prove(self) -> None:
        """See `Api`."""
        if not (self._logged_in and await self._lister.state()):
            await self._lister.prove()

    @property
    def _logged_in(self) -> bool:
        """Whether the credentials are proved, or whether there are none."""
        return bool(self._profile.login) or self._profile.auth.form == "none"

    async def close(self) -> None:
        """Log out, if the profile says how and the upstream is quick about it."""
        if self._profile.logout is None:
            return
        leaving: Any = Deferred.fromCoroutine(self._log_out())
        leaving.addTimeout(_LOGOUT_SECONDS, self._caller.reactor)
        try:
            await leaving
        except (Failure, TookTooLong):
            return  # the token ends by itself some day

    async def _log_out(self) -> None:
        if self._profile.logout is None:
            return
        asked = request(self._profile.logout, {"service": "", **self._values})
        await self._caller.answer(
            asked.method,
            below(self._caller, asked.path),
            headers=asked.headers,
            body=asked.body,
            expect=range(200, 600),
        )

    def _unchanged(self, before: Mapping[str, str]) -> Listing:
        return Listing(self._epoch, (), before, changes=True)


def _fingerprint(profile: Profile) -> str:
    """What ids and learned octets rest on: a profile that is changed there begins anew."""
    told = profile.model_dump_json(include={"raw", "ids", "list"})
    return sha256(told.encode()).hexdigest()[:12]
