"""A notice as it arrives: a form, or JSON with at most one attachment in base64."""
import base64
import binascii
import datetime
import json
import re
import urllib.parse
from dataclasses import dataclass
from typing import Optional

from . import Refused

TEXTS = {"office": 200, "subject": 1000, "body": 1_000_000}
DATES = ("published_from", "published_to")
MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,90}")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass
class Upload:
    name: str
    media_type: str
    content: bytes


@dataclass
class Submission:
    office: str
    subject: str
    body: str
    published_from: Optional[datetime.date]
    published_to: Optional[datetime.date]
    attachment: Optional[Upload]


def read(content_type, data):
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        fields = from_json(data)
    elif kind == "application/x-www-form-urlencoded":
        fields = from_form(data)
    else:
        raise Refused(415, "send application/json or application/x-www-form-urlencoded")
    known_only(fields, {*TEXTS, *DATES, "attachment"})
    texts = {key: text(fields, key, limit) for key, limit in TEXTS.items()}
    dates = {key: date(fields, key) for key in DATES}
    return Submission(**texts, **dates, attachment=upload(fields.get("attachment")))


def from_json(data):
    try:
        fields = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Refused(400, "the JSON cannot be read") from error
    if not isinstance(fields, dict):
        raise Refused(400, "the JSON must be an object")
    return fields


def from_form(data):
    try:
        pairs = urllib.parse.parse_qsl(data.decode("ascii"), keep_blank_values=True, strict_parsing=True,
                                       errors="strict", max_num_fields=20)
    except ValueError as error:
        raise Refused(400, "the form cannot be read") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Refused(400, "a field came twice")
    # An empty field of a form is one that was not filled in.
    return {key: value for key, value in fields.items() if value or key not in DATES}


def known_only(fields, known):
    unknown = sorted(set(fields) - known)
    if unknown:
        raise Refused(400, f"unknown field {unknown[0]!r}")


def text(fields, key, limit):
    value = fields.get(key)
    if not isinstance(value, str) or not value.strip():
        raise Refused(400, f"{key}: a text is needed")
    if len(value) > limit:
        raise Refused(400, f"{key}: longer than {limit} characters")
    if CONTROL.search(value):
        raise Refused(400, f"{key}: has control characters")
    return value.replace("\r\n", "\n")


def date(fields, key):
    value = fields.get(key)
    if value is None:
        return None
    try:
        if not re.fullmatch(r"(19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}", value):
            raise ValueError
        return datetime.date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise Refused(400, f"{key}: a date like 2018-06-20 is needed") from error


def upload(fields):
    if fields is None:
        return None
    if not isinstance(fields, dict):
        raise Refused(400, "attachment: an object is needed")
    known_only(fields, {"name", "media_type", "content_base64"})
    name = file_name(fields.get("name"))
    media_type = fields.get("media_type", "application/octet-stream")
    if not isinstance(media_type, str) or not MEDIA_TYPE.fullmatch(media_type):
        raise Refused(400, "attachment.media_type: something like application/pdf is needed")
    try:
        content = base64.b64decode(fields["content_base64"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise Refused(400, "attachment.content_base64: base64 is needed") from error
    return Upload(name, media_type, content)


def file_name(name):
    """Any name that a Linux folder takes; newlines and quotes are odd, but they exist."""
    try:
        length = len(name.encode("utf-8"))
    except (AttributeError, UnicodeEncodeError) as error:
        raise Refused(400, "attachment.name: a text is needed") from error
    if not 1 <= length <= 255 or name in (".", "..") or "/" in name or "\0" in name:
        raise Refused(400, "attachment.name: cannot be the name of a file")
    return name
