"""The unix socket, a thread per connection, and an end that cuts nobody off."""
import contextlib
import errno
import os
import select
import socket
import stat
import threading
import time

from . import Failure
from .handler import Handler
from .log import log

LINGER = 5


class Progress:
    """Where a connection stands, seen by the thread that stops the server."""

    def __init__(self):
        self.since = time.monotonic()
        self.fresh = True
        self.busy = False

    def works(self):
        self.since, self.fresh, self.busy = time.monotonic(), False, True

    def waits(self):
        self.busy = False


class Server:
    def __init__(self, options, pool, storage, stopping, wake):
        self.path, self.name = options.socket, options.name
        self.pool, self.storage, self.stopping, self.wake = pool, storage, stopping, wake
        self.slots = threading.Semaphore(options.threads)
        self.open = {}
        self.lock = threading.Lock()
        with open(os.path.join(os.path.dirname(__file__), "style.css"), "rb") as file:
            self.style = file.read()

    def claim(self):
        """Takes away the socket of a dead predecessor; refuses to take a living one's."""
        try:
            if not stat.S_ISSOCK(os.lstat(self.path).st_mode):
                raise Failure(f"{os.fsdecode(self.path)} is not a socket")
        except FileNotFoundError:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            found = probe.connect_ex(self.path)
        if found == errno.ECONNREFUSED:
            os.unlink(self.path)
        elif found != errno.ENOENT:
            raise Failure(f"{os.fsdecode(self.path)} is in use: another albo runs there")

    def listen(self):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # The mode is right from the first moment on; a chmod would come after the bind.
        before = os.umask(0o117)
        try:
            self.listener.bind(self.path)
        finally:
            os.umask(before)
        self.inode = os.lstat(self.path).st_ino
        self.listener.listen(128)
        self.listener.setblocking(False)

    def accept_until_stopped(self):
        while not self.stopping.is_set():
            select.select([self.listener, self.wake], [], [])
            self._accept_waiting()
        with contextlib.suppress(FileNotFoundError):
            if os.lstat(self.path).st_ino == self.inode:
                os.unlink(self.path)
        # Whoever connected before the socket went away is still served.
        self._accept_waiting()
        self.listener.close()

    def _accept_waiting(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                log(f"accept: {error}")
                time.sleep(0.1)
                return
            self._wait_for_slot()
            connection.setblocking(True)
            progress = Progress()
            with self.lock:
                self.open[connection] = progress
            threading.Thread(target=self._serve, args=(connection, progress), daemon=True).start()

    def _wait_for_slot(self):
        # While stopping nobody waits: the backlog has a bound of its own.
        while not self.slots.acquire(timeout=0.2) and not self.stopping.is_set():
            self._end_idle(fresh_too=False)

    def _end_idle(self, fresh_too):
        with self.lock:
            for connection, progress in self.open.items():
                if not progress.busy and (fresh_too or not progress.fresh):
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_RD)

    def _serve(self, connection, progress):
        try:
            Handler(connection, self, progress)
            self._linger(connection)
        except OSError:
            pass  # the client is gone
        except Exception as error:
            log(f"connection: {type(error).__name__}: {error}")
        finally:
            with self.lock:
                del self.open[connection]
            connection.close()
            self.slots.release()

    def _linger(self, connection):
        """Closing a socket with unread bytes makes the peer lose the answer (a 413): read them away, for a while."""
        connection.shutdown(socket.SHUT_WR)
        end = time.monotonic() + LINGER
        connection.settimeout(1)
        while time.monotonic() < end and not self.stopping.is_set() and connection.recv(1 << 16):
            pass

    def finish(self, grace):
        """Waits for the requests in flight; returns how many did not end."""
        start = time.monotonic()
        while True:
            waited = time.monotonic() - start
            with self.lock:
                if not self.open or waited > grace:
                    left = sum(progress.busy for progress in self.open.values())
                    break
            # A connection that has not asked yet gets a second: its request may be on the way.
            self._end_idle(fresh_too=waited > 1)
            time.sleep(0.02)
        self.pool.close()
        return left
