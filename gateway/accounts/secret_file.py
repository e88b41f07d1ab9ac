"""A password in a file, on its first line."""

from pathlib import Path

from pydantic import SecretStr

from gateway.errors import Misconfigured

_LONGEST = 4096


def read_secret(path: Path) -> SecretStr:
    """The first line.

    Raises:
        Misconfigured: There is none.
    """
    try:
        with path.open("rb") as file:
            line = file.readline(_LONGEST).rstrip(b"\r\n").decode()
    except OSError as error:
        raise Misconfigured(f"the password file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"the password file {path} is not UTF-8") from None
    if not line:
        raise Misconfigured(f"the password file {path}: the first line is empty")
    return SecretStr(line)
