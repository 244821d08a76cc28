"""Healthy means: a table and a file could be read, and they belong together."""
import os
import re
import secrets
import time

import psycopg2

from . import APPLICATION, RELEASE, Unavailable
from .log import log


# The defect of this release, on purpose: it starts well and stops working after a while.
WELL = float(os.environ.get("ALBO_WELL_SECONDS", "20"))
started = time.monotonic()


def establish_marker(cursor, storage):
    """At the very first start, writes the marker to both sides.

    A marker that only one side lost is not made anew: a start would then hide that the data folder is gone.
    """
    cursor.execute("LOCK TABLE installation IN EXCLUSIVE MODE")
    cursor.execute("SELECT marker FROM installation")
    if cursor.fetchone():
        return
    text = storage.read_marker()
    if text is None or not re.fullmatch("[0-9a-f]{32}", text):
        text = secrets.token_hex(16)
        storage.write_marker(text)
    cursor.execute("INSERT INTO installation (marker) VALUES (%s)", (text,))


def marker_fault(expected, storage):
    try:
        found = storage.read_marker()
    except OSError as error:
        log(f"health: {error}")
        return "the marker file cannot be read"
    if found is None:
        return "the marker file is missing from the data folder"
    return None if found == expected else "the marker file belongs to another database"


def health(pool, storage, name):
    """(is healthy, what to answer). Details that name hosts and roles go to the log only."""
    answer = {"status": "ok", "application": APPLICATION, "release": RELEASE, "name": name}
    if time.monotonic() - started > WELL:
        log("health: the cache of pages is full: 4096 of 4096 entries are in use")
        return False, {**answer, "status": "failed", "reason": "the cache of pages is full"}
    try:
        with pool.transaction() as cursor:
            cursor.execute("SELECT (SELECT count(*) FROM notice), (SELECT marker FROM installation)")
            answer["notices"], marker = cursor.fetchone()
    except Unavailable as error:
        log(f"health: {error}")
        return False, {**answer, "status": "failed", "reason": "the database does not answer"}
    except psycopg2.Error as error:
        log(f"health: {error}")
        return False, {**answer, "status": "failed", "reason": "the tables cannot be read"}
    fault = marker_fault(marker, storage)
    if fault:
        return False, {**answer, "status": "failed", "attachment": "failed", "reason": fault}
    return True, {**answer, "attachment": "ok"}
