"""Sample content of the types that a backup gets wrong most easily, and of the large objects."""
import hashlib

from .copy import copy

ENTRIES = 2000
SCAN_SIZES = [0, 1, 2047, 2048, 2049, 1_000_000, 3_000_001]  # a large object is stored in pages of 2048 bytes
TIMES = ["infinity", "-infinity", "0044-03-15 12:00:00+00 BC", "2018-10-28 02:30:00+02", "2018-10-28 02:30:00+01",
         "1866-01-01 00:00:00.000001+00", "294276-12-31 23:59:59.999999+00"]
FEES = ["NaN", "0", "-0.10", "0.00", "1e-40", "12345678901234567890123456789.0123456789", "16.00", "Infinity"]
KEYWORDS = [[], [None], ["NULL", "null", ""], ["a,b", "{c}", '"d"', "\\e", " f "], ["è", "e\u0300", "ß", "🏛️"],
            ["riga\nnuova", "tab\tqui"]]
SHARES = [None, [], [None, "33.33", "66.67"], ["-0.01"], ["9999.99"]]
DETAILS = [{}, {"chiave": None}, {"": ""}, {"n": 12345678901234567890.5, "grande": 10**40, "vero": True},
           {"accenti": "Forlì", "emoji": "🏛️", "riga": "a\nb\tc\\d\"e"}, {"lista": [1, [2, [3, {"x": []}]]]}]


def at(values, index):
    return values[index % len(values)]


def fill_protocol(cursor, identities, dice):
    cursor.execute("SELECT nextval('protocol_number') FROM generate_series(1, %s)", (ENTRIES,))
    numbers = [row[0] for row in cursor]
    # Every eleventh number stays unused.
    rows = [(number, dice.pick(identities) if index % 3 else None,
             at(TIMES, index) if index < 70 else f"2018-06-{1 + index % 30:02} 10:{index % 60:02}:00+02",
             at(FEES, index) if index < 80 else f"{dice.below(100000)}.{dice.below(100):02}",
             dice.bytes(index % 64), {**at(DETAILS, index), "i": index}, at(KEYWORDS, index), at(SHARES, index))
            for index, number in enumerate(numbers) if index % 11]
    copy(cursor, "protocol_entry", "number, notice_id, received_at, fee, fingerprint, details, keywords, shares", rows)
    return len(rows)


def fill_scans(cursor, identities, dice):
    for identity, size in zip(identities, SCAN_SIZES):
        content = dice.bytes(size)
        cursor.execute("INSERT INTO scan (notice_id, content, size, sha256) VALUES (%s, lo_from_bytea(0, %s), %s, %s)",
                       (identity, content, size, hashlib.sha256(content).digest()))
    return min(len(identities), len(SCAN_SIZES))
