"""What proves to the server who asks, as the profile says."""

import hmac
from collections.abc import Awaitable, Callable, Container, Mapping
from pathlib import Path

from gateway.backend.http.auth import Basic, first_line
from gateway.backend.profile.rules import proves_password
from gateway.backend.profile.schema import Profile
from gateway.backend.profile.template import BadValue, Template
from gateway.errors import BadCredentials, ConsentMissing, Failure, Unavailable
from gateway.maildrop import Login, Tokens

_CLIENT = frozenset({"user", "password"})


class ProfileAuthorization:
    """See `gateway.backend.http.auth.Authorization`; this one is for one login.

    Args:
        profile: Says how.
        service: Gives the token of the login or of the settings; None without one.
        values: The names known so far.

    Attributes:
        values: The same; a login puts others in their place.
        log_in_again: Takes the value that was refused, and tells whether there is another;
            None where there is no login, or none yet.
    """

    def __init__(
        self, profile: Profile, service: Tokens | None, values: Mapping[str, str]
    ) -> None:
        auth = profile.auth
        self.header = auth.header or "Authorization"
        self.refusals: Container[int] = frozenset(auth.refused)
        self.values = values
        self.log_in_again: Callable[[bytes], Awaitable[bool]] | None = None
        self._profile = profile
        self._service = service
        self._template = Template.parse(auth.value or "")

    def check(self, login: Login) -> None:
        """See `Authorization`."""
        if self._profile.auth.form == "basic":
            Basic().check(login)

    async def value(self, login: Login) -> bytes:
        """See `Authorization`; empty while nothing can be sent."""
        if self._profile.auth.form == "basic":
            return await Basic().value(login)
        return await self.token()

    async def service(self) -> Mapping[str, str]:
        """The token of the settings by its name, if there is one."""
        if self._service is None:
            return {}
        return {"service": (await self._service.token()).decode("ascii")}

    async def refused(self, value: bytes) -> bool:
        """See `Authorization`."""
        if self._profile.auth.form in {"none", "basic"}:
            return False
        if self.log_in_again is not None:
            return await self.log_in_again(value)
        if self._service is not None and "service" in self._template.names:
            token = await self._service.token()
            return await self._service.renew(token) != token
        return False

    def failure(self) -> Failure:
        """See `Authorization`."""
        if self._profile.login or not proves_password(self._profile):
            return ConsentMissing("the upstream refuses the token")
        return BadCredentials("the upstream refuses the name or the password")

    async def token(self) -> bytes:
        """What is sent in the forms `bearer` and `header`; empty while a name is not known.

        Raises:
            BadCredentials, ConsentMissing, Unavailable: It cannot be sent, or there is none.
        """
        values = {**self.values, **await self.service()}
        if not self._template.names <= values.keys():
            return b""
        try:
            value = self._template.header(values)
        except BadValue as error:
            detail = f"the credentials cannot be sent: {error}"
            mine = _CLIENT & self._template.names
            raise BadCredentials(detail) if mine else Unavailable(detail) from None
        return b"Bearer " + value if self._profile.auth.form == "bearer" else value


class Gate(ProfileAuthorization):
    """What can be known of a login before anything is asked of the upstream.

    Args:
        profile: Says what the upstream will see.
        service: Gives the token of the settings.
        password_file: What clients must give where the upstream does not see it.
    """

    def __init__(
        self, profile: Profile, service: Tokens | None, password_file: Path | None
    ) -> None:
        super().__init__(profile, service, {})
        self._password_file = None if proves_password(profile) else password_file

    def check(self, login: Login) -> None:
        """See `Authorization`."""
        super().check(login)
        if self._password_file is None:
            return
        given = login.password.get_secret_value()
        if not hmac.compare_digest(first_line(self._password_file), given):
            raise BadCredentials("the password is not that of client_password_file")
