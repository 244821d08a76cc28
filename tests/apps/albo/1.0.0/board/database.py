"""The database, named by libpq's own environment (PGHOST, PGUSER, PGPASSFILE, …) and nothing else."""
import contextlib
import os
import select
import threading
import time

import psycopg2
from psycopg2 import extensions

from . import Unavailable
from .log import log

# No host, user or password here. The limits make a cut network an error within seconds: libpq would wait for ever.
DSN = "keepalives_idle=15 keepalives_interval=5 keepalives_count=3 tcp_user_timeout=15000 fallback_application_name=albo"
GONE = (psycopg2.OperationalError, psycopg2.InterfaceError, psycopg2.errors.ReadOnlySqlTransaction)
ANSWER = 20  # seconds; more than the statement_timeout of a page


def bound_every_wait():
    """No call to the database waits longer than ANSWER: a server that hangs accepts our bytes and never times out.

    For `serve` only; COPY does not work this way.
    """
    def wait(connection):
        end = time.monotonic() + ANSWER
        while (state := connection.poll()) != extensions.POLL_OK:
            poll = select.poll()
            poll.register(connection.fileno(), select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
            if not poll.poll(max(0, end - time.monotonic()) * 1000):
                raise psycopg2.OperationalError(f"no answer within {ANSWER} s")

    extensions.set_wait_callback(wait)


def connect(limit="15s"):
    os.environ.setdefault("PGCONNECT_TIMEOUT", "5")
    try:
        connection = psycopg2.connect(DSN)
        try:
            connection.set_client_encoding("UTF8")
            with connection.cursor() as cursor:
                # The day and the year of a notice are those of the comune, wherever the server stands.
                cursor.execute("SET TIME ZONE 'Europe/Rome'")
                cursor.execute("SELECT set_config('statement_timeout', %s, false)", (limit,))
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", (limit,))
            connection.commit()
        except BaseException:
            connection.close()
            raise
    except GONE as error:
        raise Unavailable(str(error).strip()) from error
    return connection


def connect_within(seconds, limit="15s", stop=None):
    """Connects, trying again until the seconds are over; None when `stop` was set meanwhile."""
    end = time.monotonic() + seconds
    stop = stop or threading.Event()
    pause, said = 0.2, None
    while not stop.is_set():
        try:
            return connect(limit)
        except Unavailable as reason:
            if time.monotonic() + pause > end:
                raise Unavailable(f"{reason} (tried for {seconds} s)") from reason
            if str(reason) != said:
                said = str(reason)
                log(f"waiting for the database: {said}")
        stop.wait(pause)
        pause = min(pause * 2, 3)
    return None


@contextlib.contextmanager
def transaction(connection):
    """For the verbs: one transaction, then the end of the connection."""
    try:
        with contextlib.closing(connection), connection, connection.cursor() as cursor:
            yield cursor
    except GONE as error:
        raise Unavailable(str(error).strip()) from error


class Pool:
    """A few connections for many threads: all tenants of a server share its max_connections."""

    def __init__(self, size, wait=10):
        self._slots = threading.BoundedSemaphore(size)
        self._wait = wait
        self._idle = []

    def _live(self):
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return connect()
            try:
                # An idle connection may have died with the server; that must not cost a visitor an error.
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
                return connection
            except GONE:
                connection.close()

    @contextlib.contextmanager
    def transaction(self):
        if not self._slots.acquire(timeout=self._wait):
            raise Unavailable("all connections are busy")
        try:
            connection = self._live()
            try:
                with connection.cursor() as cursor:
                    yield cursor
                connection.commit()
            except GONE as error:
                connection.close()
                raise Unavailable(str(error).strip()) from error
            except BaseException:
                with contextlib.suppress(psycopg2.Error):
                    connection.rollback()
                self._keep(connection)
                raise
            self._keep(connection)
        finally:
            self._slots.release()

    def _keep(self, connection):
        if not connection.closed:
            self._idle.append(connection)

    def close(self):
        while self._idle:
            self._idle.pop().close()
