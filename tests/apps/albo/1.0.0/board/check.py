"""Compares what the database promises with what is there. Exit code 1 means damage, and only that."""
import hashlib

from .database import connect_within, transaction
from .health import marker_fault
from .log import log, visible
from .schema import require
from .storage import DamagedFile, Storage, digest


def check(data, wait):
    storage = Storage(data)
    faults = []
    with transaction(connect_within(wait, limit="30min")) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        require(cursor)
        cursor.execute("SELECT marker FROM installation")
        row = cursor.fetchone()
        fault = row and marker_fault(row[0], storage)
        if fault:
            faults.append(fault)
        attachments = check_attachments(cursor, storage, faults)
        scans = check_scans(cursor, faults)
    for fault in faults:
        print(visible(fault))
    extra = 0 if faults else storage.count_files() - attachments
    log(f"{attachments} attachments, {scans} scans, {len(faults)} faults"
        + (f", {extra} files of no notice (harmless)" if extra > 0 else ""))
    return 1 if faults else 0


def check_attachments(cursor, storage, faults):
    cursor.execute("SELECT notice_id, ordinal, folder, name, size, sha256 FROM attachment ORDER BY notice_id, ordinal")
    rows = cursor.fetchall()
    for notice, ordinal, folder, name, size, sha256 in rows:
        try:
            with storage.open(folder, name, size) as file:
                fault = None if digest(file) == bytes(sha256) else "other content"
        except DamagedFile as error:
            fault = error
        except OSError as error:
            fault = error.strerror
        if fault:
            faults.append(f"attachment {ordinal} of notice {notice}, {folder}/{name}: {fault}")
    return len(rows)


def check_scans(cursor, faults):
    cursor.execute("SELECT notice_id, content, size, sha256 FROM scan ORDER BY notice_id")
    rows = cursor.fetchall()
    for notice, oid, size, sha256 in rows:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_largeobject_metadata WHERE oid = %s)", (oid,))
        if not cursor.fetchone()[0]:
            faults.append(f"scan of notice {notice}: large object {oid} is missing")
            continue
        cursor.execute("SELECT lo_get(%s)", (oid,))
        content = bytes(cursor.fetchone()[0])
        if len(content) != size or hashlib.sha256(content).digest() != bytes(sha256):
            faults.append(f"scan of notice {notice}: large object {oid} has other content")
    return len(rows)
