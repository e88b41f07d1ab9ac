"""What is sent: a mail, and JSON for webhooks. No I/O."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from gateway.admin.alarms.worries import Worry

_MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Letter:
    """Worries, as people read them.

    Attributes:
        worries: The most important first; at least one.
        console: Where more is to be seen; may be empty.
    """

    worries: Sequence[Worry]
    console: str

    @property
    def subject(self) -> str:
        """The first one, and how many others."""
        others = len(self.worries) - 1
        return f"POP3 gateway: {self.worries[0].what}" + (
            f", and {others} more" if others else ""
        )

    @property
    def text(self) -> str:
        """All of them with what to do."""
        parts = [_paragraph(each) for each in self.worries[:_MOST_SHOWN]]
        if len(self.worries) > _MOST_SHOWN:
            parts.append(f"… and {len(self.worries) - _MOST_SHOWN} more.")
        if self.console:
            parts.append(f"More is in the console: {self.console}/")
        return "\n\n".join(parts) + "\n"

    def mail(self, sender: str, receivers: Sequence[str], now: float) -> EmailMessage:
        """RFC 5322. RFC 3834 §5: so that no out-of-office program answers."""
        mail = EmailMessage()
        mail["From"] = sender
        mail["To"] = ", ".join(receivers)
        mail["Subject"] = self.subject
        mail["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
        mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(self.text)
        return mail

    def json(self) -> bytes:
        """`text` is what Slack, Mattermost and others show; the rest is for programs."""
        worries = [asdict(each) for each in self.worries[:_MOST_SHOWN]]
        whole = {"text": f"{self.subject}\n\n{self.text}", "worries": worries}
        return json.dumps(whole).encode()


def _paragraph(worry: Worry) -> str:
    what = worry.what[:1].upper() + worry.what[1:]
    why = f"\n  {worry.why}" if worry.why else ""
    return f"{what}.{why}\n  What to do: {worry.advice}."
