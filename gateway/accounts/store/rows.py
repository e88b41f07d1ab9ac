"""Rows of the tables ↔ the nouns, secrets sealed on the way in and opened on the way out."""

from pydantic import SecretStr
from sqlalchemy import RowMapping

from gateway.accounts.model import (
    Account,
    Administrator,
    Device,
    Grant,
    Invite,
    Opens,
    Provider,
    Visit,
)
from gateway.accounts.vault import Vault

Row = RowMapping


def key_of(name: str) -> str:
    """Under which an account's name is found: without regard to letter case."""
    return name.casefold()


class Rows:
    """Both directions, with the keys of one vault."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def _seal(self, place: str, secret: SecretStr | None) -> str | None:
        return None if secret is None else self._vault.seal(place, secret)

    def _open(self, place: str, sealed: str | None) -> SecretStr | None:
        return None if sealed is None else self._vault.open(place, sealed)

    def from_provider(self, each: Provider) -> dict[str, object]:
        """A row of `provider`."""
        return {
            "name": each.name,
            "preset": each.preset,
            "upstream": each.upstream,
            "client_id": each.client_id,
            "client_secret_sealed": self._seal(f"provider {each.name}", each.client_secret),
            "issuer": each.issuer,
            "tenant": each.tenant,
            "scopes": " ".join(each.scopes),
            "secret_ends": each.secret_ends,
        }

    def to_provider(self, row: Row) -> Provider:
        """What `from_provider` made a row of."""
        return Provider(
            name=row["name"],
            preset=row["preset"],
            upstream=row["upstream"],
            client_id=row["client_id"],
            client_secret=self._open(f"provider {row['name']}", row["client_secret_sealed"]),
            issuer=row["issuer"],
            tenant=row["tenant"],
            scopes=tuple(row["scopes"].split()),
            secret_ends=row["secret_ends"],
        )

    def from_account(self, each: Account) -> dict[str, object]:
        """A row of `account`."""
        key = key_of(each.name)
        return {
            "key": key,
            "name": each.name,
            "upstream": each.upstream,
            "mailbox": each.mailbox,
            "credential": each.credential,
            "provider": each.provider,
            "password_sealed": self._seal(f"account {key}", each.password),
            "note": each.note,
            "enabled": each.enabled,
            "created": each.created,
        }

    def to_account(self, row: Row) -> Account:
        """What `from_account` made a row of."""
        return Account(
            name=row["name"],
            upstream=row["upstream"],
            mailbox=row["mailbox"],
            credential=row["credential"],
            provider=row["provider"],
            password=self._open(f"account {row['key']}", row["password_sealed"]),
            note=row["note"],
            enabled=row["enabled"],
            created=row["created"],
        )

    def from_device(self, each: Device) -> dict[str, object]:
        """A row of `device`."""
        key = key_of(each.account)
        return {
            "account": key,
            "name": each.name,
            "selector": each.selector,
            "hash": each.hash,
            "secret_sealed": self._seal(f"device {key}/{each.name}", each.secret),
            "scram": each.scram,
            "fence": " ".join(each.fence),
            "tls_only": each.tls_only,
            "note": each.note,
            "created": each.created,
            "revoked": each.revoked,
            "last_seen": each.last_seen,
            "last_peer": each.last_peer,
            "last_tls": each.last_tls,
        }

    def to_device(self, row: Row, account: str) -> Device:
        """What `from_device` made a row of; `account` is the name as it is spelt."""
        place = f"device {row['account']}/{row['name']}"
        return Device(
            account=account,
            name=row["name"],
            selector=row["selector"],
            hash=row["hash"],
            secret=self._open(place, row["secret_sealed"]),
            scram=row["scram"],
            fence=tuple(row["fence"].split()),
            tls_only=row["tls_only"],
            note=row["note"],
            created=row["created"],
            revoked=row["revoked"],
            last_seen=row["last_seen"],
            last_peer=row["last_peer"],
            last_tls=row["last_tls"],
        )

    def from_grant(self, each: Grant) -> dict[str, object]:
        """A row of `oauth_grant`, without version and lease: those are the store's."""
        key = key_of(each.account)
        return {
            "account": key,
            "flow": each.flow,
            "refresh_sealed": self._seal(f"refresh {key}", each.refresh),
            "previous_sealed": self._seal(f"refresh {key}", each.previous),
            "access_sealed": self._seal(f"access {key}", each.access),
            "expires": each.expires,
            "consent_ends": each.consent_ends,
            "subject": each.subject,
            "scopes": " ".join(each.scopes),
            "obtained": each.obtained,
            "refreshed": each.refreshed,
            "broken": each.broken,
        }

    def to_grant(self, row: Row, account: str, opens: Opens) -> Grant:
        """What `from_grant` made a row of; `account` is the name as it is spelt."""
        key = row["account"]
        return Grant(
            account=account,
            flow=row["flow"],
            refresh=self._open(f"refresh {key}", row["refresh_sealed"]),
            previous=self._open(f"refresh {key}", row["previous_sealed"]),
            access=self._vault.open(f"access {key}", row["access_sealed"]),
            expires=row["expires"],
            consent_ends=row["consent_ends"],
            subject=row["subject"],
            scopes=tuple(row["scopes"].split()),
            obtained=row["obtained"],
            refreshed=row["refreshed"],
            broken=row["broken"],
            version=row["version"],
            opens=opens,
        )

    def from_visit(self, each: Visit) -> dict[str, object]:
        """A row of `visit`."""
        return {
            "digest": each.digest,
            "who": each.who,
            "csrf": each.csrf,
            "expires": each.expires,
            "data_sealed": self._seal(f"visit {each.digest}", SecretStr(each.data)),
        }

    def to_visit(self, row: Row) -> Visit:
        """What `from_visit` made a row of."""
        data = self._vault.open(f"visit {row['digest']}", row["data_sealed"])
        return Visit(
            digest=row["digest"],
            who=row["who"],
            csrf=row["csrf"],
            expires=row["expires"],
            data=data.get_secret_value(),
        )


def from_invite(each: Invite) -> dict[str, object]:
    """A row of `invite`."""
    return {
        "digest": each.digest,
        "account": key_of(each.account),
        "expires": each.expires,
        "device": each.device,
        "used": each.used,
    }


def to_invite(row: Row, account: str) -> Invite:
    """What `from_invite` made a row of."""
    return Invite(
        account=account,
        digest=row["digest"],
        expires=row["expires"],
        device=row["device"],
        used=row["used"],
    )


def to_administrator(row: Row) -> Administrator:
    """A row of `administrator`."""
    return Administrator(row["name"], row["hash"])


SEALED = {
    "provider": (("client_secret_sealed", "provider {name}"),),
    "account": (("password_sealed", "account {key}"),),
    "device": (("secret_sealed", "device {account}/{name}"),),
    "oauth_grant": (
        ("refresh_sealed", "refresh {account}"),
        ("previous_sealed", "refresh {account}"),
        ("access_sealed", "access {account}"),
    ),
    "visit": (("data_sealed", "visit {digest}"),),
}
"""Which columns are sealed, and for which place: for sealing them anew."""
