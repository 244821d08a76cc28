import sys


def visible(text):
    """One line, whatever is in the text: a request must not be able to forge a log line."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))


def log(text):
    # One write per line: threads share stderr.
    sys.stderr.write(f"albo: {visible(text)}\n")
    sys.stderr.flush()
