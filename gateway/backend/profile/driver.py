"""The driver: one login by a profile, for the HTTP room."""

from dataclasses import replace
from typing import Any

from gateway.backend.http.auth import TokenCommand, TokenFile
from gateway.backend.http.client import Caller
from gateway.backend.http.driver import HttpBackend, Room
from gateway.backend.http.settings import HttpSettings
from gateway.backend.profile.api import ProfileApi
from gateway.backend.profile.credentials import Gate, ProfileAuthorization
from gateway.backend.profile.login import LoginCalls, names_of
from gateway.backend.profile.rules import takes_token
from gateway.backend.profile.schema import Profile
from gateway.errors import Misconfigured
from gateway.maildrop import Tokens


class ProfileDriver:
    """What a profile, with the settings, makes of the HTTP room.

    Args:
        profile: Says how everything is done.
        settings: Name the service's token, if there is one.
        reactor: For everything that waits.

    Attributes:
        gate: What is checked before anything is asked of the upstream.

    Raises:
        Misconfigured: What the settings name cannot be used.
    """

    def __init__(self, profile: Profile, settings: HttpSettings, reactor: Any) -> None:
        self._profile = profile
        self._service = _service(settings, reactor)
        self.gate = Gate(profile, self._service, settings.client_password_file)

    async def connect(self, caller: Caller) -> ProfileApi:
        """See `gateway.backend.http.driver.Connect`."""
        profile = self._profile
        caller.slots.limit = min(caller.slots.limit, profile.parallel)
        values = names_of(caller.login, basic=profile.auth.form == "basic")
        tokens = caller.login.tokens
        if tokens is not None and not takes_token(profile):
            raise Misconfigured(f"the profile {profile.name} has no place for an access token")
        authorization = ProfileAuthorization(profile, tokens or self._service, values)
        caller.authorization = authorization
        calls = LoginCalls(profile, caller, authorization, values)
        await calls.run()
        if profile.login:
            authorization.log_in_again = calls.run_again
        return ProfileApi(profile, caller, values)


def backend(room: Room, profile: Profile) -> HttpBackend:
    """The port's backend for one upstream.

    Raises:
        Misconfigured: What the settings name cannot be used.
    """
    driver = ProfileDriver(profile, room.settings, room.reactor)
    return HttpBackend(replace(room, authorization=driver.gate), driver.connect)


def _service(settings: HttpSettings, reactor: Any) -> Tokens | None:
    if settings.token_file is not None:
        return TokenFile(settings.token_file)
    if settings.token_command is not None:
        return TokenCommand(settings.token_command, settings.token_timeout, reactor)
    return None
