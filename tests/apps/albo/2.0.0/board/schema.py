"""The schema, as numbered SQL files.

The first line of a file, `-- oldest reader: N`, names the oldest schema version whose release still works after it.
That lets a release be rolled back over a newer schema, and stops it where that would do harm.
"""
import os
import re

from . import RELEASE, Failure
from .database import connect_within, transaction
from .log import log

FOLDER = os.path.join(os.path.dirname(__file__), "migrations")
LOCK = 0x616C626F  # "albo"
OLDEST = 3  # the schema of 1.1.0: what is older goes there first


def migrations():
    found = []
    for name in sorted(os.listdir(FOLDER)):
        match = re.fullmatch(r"([0-9]{4})_[a-z_]+\.sql", name)
        if match:
            with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
                text = file.read()
            oldest = re.match(r"-- oldest reader: ([0-9]+)\n", text)
            found.append((int(match[1]), int(oldest[1]), name, text))
    return found


def known():
    return migrations()[-1][0]


def state(cursor):
    """(version, oldest reader) of the database; (0, 0) before the first migration."""
    cursor.execute("SELECT to_regclass('schema_version') IS NOT NULL")
    if not cursor.fetchone()[0]:
        return 0, 0
    cursor.execute("SELECT coalesce(max(version), 0), coalesce(max(oldest_reader), 0) FROM schema_version")
    return cursor.fetchone()


def refuse_unreadable(version, oldest):
    if oldest > known():
        raise Failure(f"the database has schema {version}; release {RELEASE} knows {known()} and cannot work on it")


def require(cursor):
    version, oldest = state(cursor)
    if version < known():
        raise Failure(f"the database has schema {version}, release {RELEASE} needs {known()}: run `migrate` first")
    refuse_unreadable(version, oldest)


def migrate(wait):
    with transaction(connect_within(wait, limit="10min")) as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        cursor.execute("SELECT current_setting('server_encoding')")
        if cursor.fetchone()[0] != "UTF8":
            raise Failure("the database must have the encoding UTF8")
        before, oldest = state(cursor)
        refuse_unreadable(before, oldest)
        if 0 < before < OLDEST:
            raise Failure(f"the database has schema {before}: bring it to release 1.1.0 first, then to {RELEASE}")
        for version, reader, name, text in migrations():
            if version > before:
                cursor.execute(text)
                cursor.execute(
                    "INSERT INTO schema_version (version, oldest_reader, name, release) VALUES (%s, %s, %s, %s)",
                    (version, reader, name, RELEASE))
                log(f"schema {version}: {name}")
        if before >= known():
            log(f"schema {before}: nothing to do")
    return 0
