"""One database, embedded or PostgreSQL: connections, transactions, and where they run."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Never, TypeVar

from pydantic import SecretStr
from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from gateway.errors import Misconfigured, Unavailable

_BUSY_SECONDS = 5.0
_CONNECTIONS = 8
_CONNECT_SECONDS = 10
_PATIENCE_MS = 15_000
_ANSWER_SECONDS = 16.0
_INSERTS: Mapping[str, Any] = MappingProxyType(
    {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
)
_Result = TypeVar("_Result")


class Database:
    """Where the directory is kept.

    Args:
        where: A file of SQLite, or a URL: `postgresql://user@host/database`.
        password: Of the user in the URL.

    Raises:
        Misconfigured: It is neither, or what it needs is not installed.
    """

    def __init__(self, where: Path | str, password: SecretStr | None = None) -> None:
        self.embedded = isinstance(where, Path)
        url = _url(where)
        self._shown = str(where) if isinstance(where, Path) else _without_secrets(url)
        if password is not None:
            url = url.set(password=password.get_secret_value())
        try:
            self.engine = _sqlite(url) if self.embedded else _postgresql(url)
        except ImportError:
            raise Misconfigured(
                "PostgreSQL needs its driver: pip install 'pop3-gateway[postgresql]'"
            ) from None
        self._writing = self.engine.execution_options(writes=True)

    def __str__(self) -> str:
        return self._shown

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One state of things, to look at.

        Raises:
            Unavailable: The database does not do its work.
        """
        with self._transaction(self.engine) as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All or nothing.

        SQLite lets one write at a time, and gives a transaction that began by reading no
        turn at all once another has written: so these wait for their turn at once.

        Raises:
            Unavailable: The database does not do its work.
        """
        with self._transaction(self._writing) as connection:
            yield connection

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            # Not its text: SQLAlchemy puts the values into it.
            cause = getattr(error, "orig", None)
            raise Unavailable(f"accounts in {self}: {type(cause or error).__name__}") from None

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


class Runner:
    """Runs what reads and writes the database from the reactor's side.

    An embedded one answers a question in fractions of a millisecond and is asked at once;
    but to write, it may have to wait for another process, and for the disk. Another may
    always be slow. What may wait does so in a thread.

    A server that is gone without a word keeps its threads; nobody waits for them for ever.

    Args:
        database: Which.
        reactor: To come back to.
    """

    def __init__(self, database: Database, reactor: Any) -> None:
        self._reactor = reactor
        self._at_once = database.embedded
        threads = 1 if database.embedded else _CONNECTIONS
        self._pool: Any = ThreadPool(minthreads=0, maxthreads=threads, name="accounts")
        self._pool.start()

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """The result of work that only reads; raises what it raises, and as `write`."""
        return work() if self._at_once else await self.write(work)

    async def write(self, work: Callable[[], _Result]) -> _Result:
        """The result of work that writes; raises what it raises.

        Raises:
            Unavailable: A server does not answer; the work may yet be done.
        """
        done: Deferred[_Result] = deferToThreadPool(self._reactor, self._pool, work)
        if not self._at_once:
            done.addTimeout(_ANSWER_SECONDS, self._reactor, _in_time)
        return await done

    def stop(self) -> None:
        """End the threads, when they have done what they do."""
        self._pool.stop()


def _in_time(_: object, seconds: float) -> Never:
    raise Unavailable(f"accounts: the database does not answer within {seconds:g} seconds")


def upsert(
    connection: Connection,
    table: Table,
    values: Mapping[str, object],
    changes: Mapping[str, object] | None = None,
) -> None:
    """Make the row, or change the one of this primary key: in one step, whoever else does.

    Args:
        connection: In a transaction.
        table: Of which.
        values: All columns of a new row.
        changes: What an old row gets; None for the same.
    """
    insert = _INSERTS[connection.dialect.name]
    changed = dict(values if changes is None else changes)
    statement = insert(table).values(values)
    key = [column.name for column in table.primary_key]
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed))


def _url(where: Path | str) -> URL:
    if isinstance(where, Path):
        return URL.create("sqlite", database=str(where))
    try:
        url = make_url(where)
    except ArgumentError:
        url = None
    if url is None or url.get_backend_name() != "postgresql":
        raise Misconfigured(
            "accounts.store is neither embedded nor a URL of PostgreSQL: write "
            "postgresql://USER@HOST/DATABASE"
        )
    return url.set(drivername="postgresql+psycopg")


def _without_secrets(url: URL) -> str:
    """For people; its query may hold the passphrase of a key."""
    bare = url.set(drivername="postgresql", password=None, query={})
    return bare.render_as_string()


def _sqlite(url: URL) -> Engine:
    path = Path(str(url.database))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    except OSError as error:
        raise Misconfigured(f"cannot keep accounts in {path}: {error.strerror}") from None
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # or pysqlite would begin transactions too late
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql(url: URL) -> Engine:
    return create_engine(
        url,
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_timeout=_CONNECT_SECONDS,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            "options": f"-c statement_timeout={_PATIENCE_MS}",
            # That is the server's; this machine notices that there is none any more.
            "tcp_user_timeout": _PATIENCE_MS,
            "keepalives_idle": _CONNECT_SECONDS,
            "keepalives_interval": _CONNECT_SECONDS,
            "keepalives_count": 2,
        },
    )
