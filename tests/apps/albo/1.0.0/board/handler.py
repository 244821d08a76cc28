"""One connection: reads requests, routes them, answers."""
import http
import json
import re
import shutil
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler

import psycopg2

from . import APPLICATION, RELEASE, Refused, Unavailable, notices, pages, submission
from .disposition import content_disposition
from .health import health
from .log import log
from .schema import known
from .storage import DamagedFile

LIMIT = 10 * 1024 * 1024
HTML, JSON = "text/html; charset=utf-8", "application/json"
POLICY = "default-src 'none'; style-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}
ROUTES = [
    (r"/", "GET", "list"),
    (r"/notices", "POST", "create"),
    (r"/notices/([0-9]{1,18})", "GET", "notice"),
    (r"/notices/([0-9]{1,18})/attachments/([0-9]{1,9})", "GET", "attachment"),
    (r"/style\.css", "GET", "style"),
    (r"/health", "GET", "health"),
    (r"/version", "GET", "version"),
]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Not 0.9, whose answers have no headers.
    default_request_version = "HTTP/1.0"
    timeout = 30

    def __init__(self, connection, server, progress):
        self.progress = progress
        super().__init__(connection, "", server)

    # What the library would take from a TCP peer or say about itself.
    def address_string(self):
        return "unix"

    def version_string(self):
        return APPLICATION

    def log_message(self, form, *values):
        log(form % values)

    def log_request(self, code="-", size="-"):
        pass

    def handle_one_request(self):
        self.status, self.command, self.path, self.requestline = None, None, "", ""
        self.request_version = self.protocol_version
        super().handle_one_request()
        if self.status:
            spent = (time.monotonic() - self.progress.since) * 1000
            log(f"{self.command or '-'} {self.path or '-'} {self.status} {spent:.0f} ms")
        self.progress.waits()

    def parse_request(self):
        self.progress.works()
        return super().parse_request()

    def handle_expect_100(self):
        # A body that will be refused is not asked for; do_POST then answers.
        try:
            self.body_length()
        except Refused:
            return True
        return super().handle_expect_100()

    def send_error(self, code, message=None, explain=None):
        """The library's own complaints (bad request line, unknown method)."""
        self.close_connection = True
        self.refuse(Refused(int(code), message or http.HTTPStatus(code).phrase))

    def do_GET(self):
        try:
            if self.body_length():
                raise self.unread(400, "a GET with a body")
            action, values = self.route()
            getattr(self, "get_" + action)(*values)
        except Exception as error:
            self.fail(error)

    do_HEAD = do_GET

    def do_POST(self):
        try:
            length = self.body_length(needed=True)
            # The body first: an answer before it was read would meet a client that is still writing.
            body = self.rfile.read(length)
            if len(body) < length:
                self.close_connection = True
                return
            self.route()
            created = notices.create(
                self.server.pool, self.server.storage, submission.read(self.headers.get("Content-Type", ""), body))
            self.answer(201, JSON, dump(created), {"Location": created["location"]})
        except Exception as error:
            self.fail(error)

    def body_length(self, needed=False):
        lengths = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers or (needed and not lengths):
            raise self.unread(411, "a Content-Length is needed")
        if len(lengths) > 1 or (lengths and not re.fullmatch("[0-9]{1,18}", lengths[0])):
            raise self.unread(400, "the Content-Length cannot be read")
        length = int(lengths[0]) if lengths else 0
        if length > LIMIT:
            raise self.unread(413, f"more than {LIMIT} bytes")
        return length

    def unread(self, status, message):
        # What follows on this connection is a body that nobody read.
        self.close_connection = True
        return Refused(status, message)

    def route(self):
        try:
            self.url = urllib.parse.urlsplit(self.path)
        except ValueError as error:
            raise Refused(400, "the address cannot be read") from error
        method = "GET" if self.command == "HEAD" else self.command
        for pattern, wanted, action in ROUTES:
            match = re.fullmatch(pattern, self.url.path)
            if match and wanted == method:
                return action, [int(group) for group in match.groups()]
            if match:
                self.allowed = "GET, HEAD" if wanted == "GET" else wanted
                raise Refused(405, "method not allowed here")
        raise Refused(404, "Pagina inesistente")

    def get_list(self):
        query = urllib.parse.parse_qs(self.url.query, max_num_fields=20)
        page = query.get("page", ["1"])[-1]
        if not re.fullmatch("[1-9][0-9]{0,5}", page):
            raise Refused(400, "Il numero di pagina non è valido")
        with self.server.pool.transaction() as cursor:
            found, total = notices.current(cursor, int(page))
        self.answer(200, HTML, pages.listing(self.server.name, found, int(page), total))

    def get_notice(self, number):
        with self.server.pool.transaction() as cursor:
            found, attachments, on_board = notices.one(cursor, number)
        self.answer(200, HTML, pages.notice(self.server.name, found, attachments, on_board))

    def get_attachment(self, number, ordinal):
        with self.server.pool.transaction() as cursor:
            found = notices.attachment(cursor, number, ordinal)
        tag = f'"{bytes(found.sha256).hex()}"'
        headers = {"ETag": tag, "Content-Disposition": content_disposition(found.name),
                   "Content-Security-Policy": "default-src 'none'; sandbox"}
        if self.headers.get("If-None-Match") == tag:
            return self.head(304, None, None, headers)
        with self.server.storage.open(found.folder, found.name, found.size) as file:
            self.head(200, found.media_type, found.size, headers)
            if self.command != "HEAD":
                shutil.copyfileobj(file, self.wfile, 256 * 1024)

    def get_style(self):
        self.answer(200, "text/css; charset=utf-8", self.server.style, {"Cache-Control": "max-age=3600"})

    def get_health(self):
        healthy, found = health(self.server.pool, self.server.storage, self.server.name)
        self.answer(200 if healthy else 503, JSON, dump(found), {"Cache-Control": "no-store"})

    def get_version(self):
        self.answer(200, JSON, dump({"application": APPLICATION, "release": RELEASE, "schema": known()}))

    def fail(self, error):
        if isinstance(error, (ConnectionError, TimeoutError)):
            log(f"{self.path}: the client went away: {error}")
            self.close_connection = True
        elif self.status:
            # Half an answer is out already; only the end of the connection can still tell.
            log(f"{self.path}: {type(error).__name__}: {error}")
            self.close_connection = True
        elif isinstance(error, Refused):
            self.refuse(error)
        elif isinstance(error, Unavailable):
            log(f"{self.path}: {error}")
            self.refuse(Refused(503, "Il servizio non è disponibile in questo momento"), {"Retry-After": "10"})
        else:
            what = "the attachment's file is damaged: " if isinstance(error, DamagedFile) else ""
            log(f"{self.path}: {what}{type(error).__name__}: {error}")
            self.refuse(Refused(500, "Errore interno"))

    def refuse(self, refused, headers=None):
        headers = dict(headers or {})
        if refused.status == 405:
            headers["Allow"] = self.allowed
        if self.command == "POST":
            return self.answer(refused.status, JSON, dump({"error": str(refused)}), headers)
        self.answer(refused.status, HTML, pages.failure(self.server.name, refused.status, refused), headers)

    def answer(self, status, kind, body, headers=None):
        self.head(status, kind, len(body), headers or {}, b"" if self.command == "HEAD" else body)

    def head(self, status, kind, length, headers, body=b""):
        self.status = status
        self.send_response(status)
        fields = {**SECURITY, "Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
        if kind:
            fields |= {"Content-Type": kind, "Content-Length": str(length)}
        if self.close_connection or self.server.stopping.is_set():
            self.close_connection = True
            fields["Connection"] = "close"
        for field, value in {**fields, **headers}.items():
            self.send_header(field, value)
        self._headers_buffer.append(b"\r\n" + body)
        self.flush_headers()


def dump(value):
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"
