"""The settings of the embedded driver; its directory is the path of the upstream URL."""

from pathlib import Path

from pydantic import Field, SecretBytes, SecretStr

from gateway.errors import Misconfigured
from gateway.settings import Section

_LONGEST_PASSWORD = 4096


class MaildirSettings(Section):
    """Who may read the Maildir."""

    user: str = Field(default="demo", description="The name with which a client logs in.")
    password: SecretStr = Field(
        default=SecretStr("demo"),
        description="The password of that name. Better kept in `password_file`.",
    )
    password_file: Path | None = Field(
        default=None,
        description="A file whose first line is the password; wins over `password`."
        " It is read at each login, so that a change needs no restart.",
    )

    def expected_password(self) -> SecretBytes:
        """What the client must give.

        Raises:
            Misconfigured: The file cannot be read, or the password is empty: that would
                let everybody in.
        """
        if self.password_file is None:
            password = self.password.get_secret_value().encode()
        else:
            password = _first_line(self.password_file)
        if not password:
            raise Misconfigured(f"the password is empty: {self.password_file or 'password'}")
        return SecretBytes(password)


def _first_line(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.readline(_LONGEST_PASSWORD).rstrip(b"\r\n")
    except OSError as error:
        raise Misconfigured(f"password_file {path}: {error.strerror}") from error
