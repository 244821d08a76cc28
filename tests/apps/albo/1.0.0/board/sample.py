"""Deterministic sample content: the same seed gives the same rows and files."""
import datetime
import hashlib
import os
import random

from . import Failure, sample_text as words
from .copy import copy
from .database import connect_within, transaction
from .log import log
from .sample_protocol import fill_protocol, fill_scans
from .schema import require
from .storage import Storage

YEARS = range(2014, 2019)
CURRENT = 120  # notices that stay on the board, so that its list has pages
FOR_EVER = datetime.date(2099, 12, 31)


class Dice:
    """Only `random()` and `getrandbits()` are promised to give the same numbers in every Python."""

    def __init__(self, seed):
        self._random = random.Random(seed)

    def below(self, limit):
        return int(self._random.random() * limit)

    def pick(self, values):
        return values[self.below(len(values))]

    def bytes(self, size):
        return self._random.getrandbits(size * 8).to_bytes(size, "little") if size else b""


def sample(options):
    rows, seed = options.rows, options.seed
    storage = Storage(options.data)
    storage.prepare()
    dice = Dice(seed)
    with transaction(connect_within(options.wait, limit="5min")) as cursor:
        require(cursor)
        cursor.execute("LOCK TABLE register, notice IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute("SELECT EXISTS (SELECT FROM notice)")
        if cursor.fetchone()[0] and not options.again:
            raise Failure("there are notices already; `--again` adds to them")
        identities = reserve(cursor, rows, dice)
        cursor.execute("SELECT year, last_number FROM register")
        last = dict(cursor.fetchall())
        copy(cursor, "notice", "id, year, number, office, subject, body, published_from, published_to, created_at",
             notices(identities, last, dice))
        cursor.execute("DELETE FROM register")
        copy(cursor, "register", "year, last_number", last.items())
        files = list(attachments(storage, identities, seed, dice))
        copy(cursor, "attachment", "notice_id, ordinal, folder, name, media_type, size, sha256", files)
        entries = fill_protocol(cursor, identities, dice)
        scans = fill_scans(cursor, identities, dice)
    log(f"{rows} notices, {len(files)} attachments, {entries} protocol entries, {scans} scans")
    return 0


def reserve(cursor, rows, dice):
    """Ids from the sequence itself, with gaps, so that notices posted meanwhile never collide."""
    cursor.execute("SELECT nextval(pg_get_serial_sequence('notice', 'id')) FROM generate_series(1, %s)",
                   (rows + rows // 20 + 13,))
    drawn = [row[0] for row in cursor]
    while len(drawn) > rows:
        drawn.pop(dice.below(len(drawn)))
    return drawn


def notices(identities, last, dice):
    """Rows in the order of publication; the numbers go on where the register stands, in `last`."""
    total = len(identities)
    for index, identity in enumerate(identities):
        year = YEARS[index * len(YEARS) // total]
        within = (index * len(YEARS) % total) / total
        start = datetime.date(year, 1, 1) + datetime.timedelta(days=int(within * 364))
        end = FOR_EVER if index >= total - CURRENT else start + datetime.timedelta(days=15)
        last[year] = last.get(year, 0) + 1
        subject = f"{dice.pick(words.ACTS)}: {dice.pick(words.MATTERS)} ({dice.pick(words.PLACES)})"
        body = "\n".join(dice.pick(words.SENTENCES) for _ in range(2 + dice.below(6)))
        created = f"{start} {8 + dice.below(10):02}:{dice.below(60):02}:{dice.below(60):02}.{dice.below(10**6):06}+01"
        yield identity, year, last[year], dice.pick(words.OFFICES), subject, body, start, end, created


def attachments(storage, identities, seed, dice):
    """Every tenth notice has one or two; the last notice has all the odd names."""
    for identity in identities[:-1:10]:
        for ordinal in range(1, 2 + dice.below(2)):
            ending, media_type = dice.pick(words.KINDS)
            name = f"allegato {ordinal} – {dice.pick(words.MATTERS)}.{ending}"
            yield attach(storage, seed, identity, ordinal, name, media_type, dice.bytes(dice.below(6000)))
    for ordinal, name in enumerate(words.ODD_NAMES, 1):
        # Two sizes matter: none, and more than one buffer.
        size = {1: 0, 2: 5_000_000}.get(ordinal, dice.below(3000))
        media_type = dice.pick(words.KINDS)[1]
        yield attach(storage, seed, identities[-1], ordinal, name, media_type, dice.bytes(size))


def attach(storage, seed, identity, ordinal, name, media_type, content):
    folder = hashlib.sha256(f"{seed} {identity} {ordinal}".encode()).hexdigest()[:32]
    path = storage.path(folder, name)
    os.makedirs(os.path.dirname(path), 0o750, exist_ok=True)
    # No fsync here: a thousand of them take longer than all the rest, and samples can be made again.
    with open(path, "wb") as file:
        file.write(content)
    return identity, ordinal, folder, name, media_type, len(content), hashlib.sha256(content).digest()
