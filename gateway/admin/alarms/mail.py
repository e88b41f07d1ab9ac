"""Mail to the administrator, by the standard library's SMTP client, in a thread."""

import smtplib
import ssl
from collections.abc import Callable
from functools import partial

from gateway.accounts.secret_file import read_secret
from gateway.admin.alarms.letter import Letter
from gateway.admin.alarms.settings import AlarmSettings
from gateway.errors import Misconfigured, Unavailable
from gateway.telemetry import printable

_SECONDS = 20.0
_PORTS = {"starttls": 587, "implicit": 465, "none": 587}


def send_mail(settings: AlarmSettings, letter: Letter, now: float) -> str:
    """Hand a letter to the mail server; waits for it, 20 seconds at each step.

    Returns:
        Who does not get it though others do; empty as a rule.

    Raises:
        Unavailable: It does not take it; the text may quote it.
        Misconfigured: A file cannot be used.
    """
    mail = letter.mail(settings.mail_from, settings.mail_to, now)
    server = f"the mail server {settings.smtp_host}"
    try:
        with _connection(settings)() as smtp:
            if settings.smtp_tls == "starttls":
                smtp.starttls(context=_context(settings))
            if settings.smtp_user and settings.smtp_password_file is not None:
                secret = read_secret(settings.smtp_password_file)
                smtp.login(settings.smtp_user, secret.get_secret_value())
            refused = smtp.send_message(mail, settings.mail_from, settings.mail_to)
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error
        text = printable(said) if isinstance(said, bytes) else str(said)
        raise Unavailable(f"{server} said {error.smtp_code} {text}") from None
    except smtplib.SMTPRecipientsRefused as error:
        raise Unavailable(f"{server} takes no mail for {_names(error.recipients)}") from None
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        raise Unavailable(f"{server}: {_cause(error)}") from None
    return f"{server} takes no mail for {_names(refused)}" if refused else ""


def _connection(settings: AlarmSettings) -> Callable[[], smtplib.SMTP]:
    port = settings.smtp_port or _PORTS[settings.smtp_tls]
    if settings.smtp_tls == "implicit":
        context = _context(settings)
        return partial(
            smtplib.SMTP_SSL, settings.smtp_host, port, timeout=_SECONDS, context=context
        )
    return partial(smtplib.SMTP, settings.smtp_host, port, timeout=_SECONDS)


def _context(settings: AlarmSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(f"alarms.ca {settings.ca}: {_cause(error)}") from None


def _cause(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error) or type(error).__name__


def _names(refused: dict[str, tuple[int, bytes]]) -> str:
    return ", ".join(
        f"{name} ({code} {printable(text)})" for name, (code, text) in refused.items()
    )
