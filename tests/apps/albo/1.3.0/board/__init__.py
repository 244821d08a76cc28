APPLICATION = "albo"
RELEASE = "1.3.0"


class Failure(Exception):
    """Ends a verb with exit code 1 and its message."""


class Unavailable(Exception):
    """The database does not answer now: 503 to a visitor, exit code 69 from a verb."""


class Refused(Exception):
    """A request that cannot be served, with its HTTP status."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status
