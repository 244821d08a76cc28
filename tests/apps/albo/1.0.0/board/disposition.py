import re
import unicodedata
import urllib.parse


def content_disposition(name):
    """Always a download (RFC 6266): a plain name for old clients, and the true one percent-encoded (RFC 8187)."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    # A percent sign or a backslash in the plain form is read differently by every browser.
    plain = re.sub(r"[^A-Za-z0-9 ._()+,=@-]", "_", plain).strip(" .")[:120] or "allegato"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{urllib.parse.quote(name, safe='')}"
