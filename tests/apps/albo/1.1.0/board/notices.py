"""What the board asks of the database."""
import hashlib
from collections import namedtuple

import psycopg2

from . import Refused

PAGE = 50
FIELDS = "id, year, number, office, subject, body, published_from, published_to"
Notice = namedtuple("Notice", FIELDS.replace(",", ""))
Attachment = namedtuple("Attachment", "ordinal folder name media_type size sha256")
ATTACHMENT = "ordinal, folder, name, media_type, size, sha256"


def current(cursor, page):
    """(the page's notices, the number of pages)."""
    cursor.execute("SELECT count(*) FROM current_notice")
    pages = max(1, -(-cursor.fetchone()[0] // PAGE))
    if page > pages:
        raise Refused(404, "Pagina inesistente")
    cursor.execute(f"SELECT {FIELDS} FROM current_notice ORDER BY published_from DESC, id DESC LIMIT %s OFFSET %s",
                   (PAGE, (page - 1) * PAGE))
    return [Notice(*row) for row in cursor], pages


def one(cursor, number):
    """(the notice, its attachments, whether it is on the board today)."""
    cursor.execute(f"SELECT {FIELDS}, current_date BETWEEN published_from AND published_to FROM notice WHERE id = %s",
                   (number,))
    row = cursor.fetchone()
    if not row:
        raise Refused(404, "Avviso inesistente")
    cursor.execute(f"SELECT {ATTACHMENT} FROM attachment WHERE notice_id = %s ORDER BY ordinal", (number,))
    return Notice(*row[:-1]), [Attachment(*found) for found in cursor], row[-1]


def attachment(cursor, notice, ordinal):
    cursor.execute(f"SELECT {ATTACHMENT} FROM attachment WHERE notice_id = %s AND ordinal = %s", (notice, ordinal))
    row = cursor.fetchone()
    if not row:
        raise Refused(404, "Allegato inesistente")
    return Attachment(*row)


def create(pool, storage, submission):
    """Stores a notice; when it returns, row and file are on disk."""
    upload = submission.attachment
    with pool.transaction() as cursor:
        # The file first: slow disks must not hold the lock on the register's row.
        folder = storage.add(upload.name, upload.content) if upload else None
        try:
            return insert(cursor, submission, folder)
        except BaseException as error:
            # Nothing is committed yet. After a commit that failed the file stays: nobody knows on which side it fell.
            if upload:
                storage.remove(folder, upload.name)
            if isinstance(error, psycopg2.errors.CheckViolation):
                raise Refused(400, "published_to: before published_from") from error
            raise


def insert(cursor, submission, folder):
    cursor.execute("INSERT INTO register (year, last_number) VALUES (date_part('year', current_date), 1)"
                   " ON CONFLICT (year) DO UPDATE SET last_number = register.last_number + 1"
                   " RETURNING year, last_number")
    year, number = cursor.fetchone()
    cursor.execute(
        "INSERT INTO notice (year, number, office, subject, body, published_from, published_to)"
        " SELECT %(year)s, %(number)s, %(office)s, %(subject)s, %(body)s, start, coalesce(%(to)s, start + 15)"
        " FROM (SELECT coalesce(%(from)s, current_date) AS start) AS dates"
        " RETURNING id, kind",
        {"year": year, "number": number, "office": submission.office, "subject": submission.subject,
         "body": submission.body, "from": submission.published_from, "to": submission.published_to})
    identity, kind = cursor.fetchone()
    upload = submission.attachment
    if upload:
        cursor.execute(
            "INSERT INTO attachment (notice_id, ordinal, folder, name, media_type, size, sha256)"
            " VALUES (%s, 1, %s, %s, %s, %s, %s)",
            (identity, folder, upload.name, upload.media_type, len(upload.content),
             hashlib.sha256(upload.content).digest()))
    return {"id": identity, "year": year, "number": number, "kind": kind, "location": f"/notices/{identity}"}
