"""One database, embedded or PostgreSQL: connections, transactions, and where they run."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.sql.elements import ColumnElement
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from gateway.errors import Misconfigured, Unavailable

_BUSY_SECONDS = 5.0
_CONNECTIONS = 8
_CONNECT_SECONDS = 10
_PATIENCE_MS = 15_000
_Result = TypeVar("_Result")


class Database:
    """Where the directory is kept.

    Args:
        where: A file of SQLite, or a URL: `postgresql://user@host/database`.

    Raises:
        Misconfigured: It is neither, or what it needs is not installed.
    """

    def __init__(self, where: Path | str) -> None:
        self.embedded = isinstance(where, Path)
        url = _url(where)
        self._shown = str(where) if isinstance(where, Path) else url.render_as_string()
        try:
            self.engine = _sqlite(url) if self.embedded else _postgresql(url)
        except ImportError:
            raise Misconfigured(
                "PostgreSQL needs its driver: pip install 'pop3-gateway[postgresql]'"
            ) from None

    def __str__(self) -> str:
        return self._shown

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All or nothing.

        Raises:
            Unavailable: The database does not do its work.
        """
        try:
            with self.engine.begin() as connection:
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

    An embedded one answers in fractions of a millisecond and is asked at once; another may
    be slow, and is asked from a few threads.

    Args:
        database: Which.
        reactor: To come back to.
    """

    def __init__(self, database: Database, reactor: Any) -> None:
        self._reactor = reactor
        self._pool: Any = None
        if not database.embedded:
            self._pool = ThreadPool(minthreads=0, maxthreads=_CONNECTIONS, name="accounts")
            self._pool.start()

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """The result of the work; raises what it raises."""
        if self._pool is None:
            return work()
        done: Deferred[_Result] = deferToThreadPool(self._reactor, self._pool, work)
        return await done

    def stop(self) -> None:
        """End the threads, when they have done what they do."""
        if self._pool is not None:
            self._pool.stop()
            self._pool = None


def upsert(
    connection: Connection,
    table: Table,
    where: ColumnElement[bool],
    values: Mapping[str, object],
) -> None:
    """Change the row, or make it."""
    if not connection.execute(update(table).where(where).values(values)).rowcount:
        connection.execute(insert(table).values(values))


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
    connection.exec_driver_sql("BEGIN")


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
        },
    )
