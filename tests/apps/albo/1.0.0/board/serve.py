"""The verb `serve`: from start to a clean stop."""
import os
import signal

from . import Failure
from .database import Pool, bound_every_wait, connect_within, transaction
from .health import establish_marker
from .log import log
from .schema import require
from .server import Server
from .storage import Storage
from .systemd import notify


def serve(options, stop):
    wake_reader, wake_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def asked_to_stop(number, frame):
        stop.set()
        os.write(wake_writer, b".")

    signal.signal(signal.SIGTERM, asked_to_stop)
    signal.signal(signal.SIGINT, asked_to_stop)

    bound_every_wait()
    storage = Storage(options.data)
    storage.prepare()
    server = Server(options, Pool(options.connections), storage, stop, wake_reader)
    server.claim()
    connection = connect_within(options.wait, stop=stop)
    if connection is None:
        return 0
    with transaction(connection) as cursor:
        require(cursor)
        establish_marker(cursor, storage)
    storage.sweep()
    server.listen()
    log(f"serves {options.name} on {os.fsdecode(options.socket)}")
    notify("READY=1", f"STATUS=serves {options.name}")
    server.accept_until_stopped()
    notify("STOPPING=1")
    left = server.finish(options.grace)
    if left:
        raise Failure(f"stopped with {left} requests unfinished after {options.grace} s")
    log("stopped")
    return 0
