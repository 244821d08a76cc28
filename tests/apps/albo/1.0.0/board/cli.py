import argparse
import os
import sys
import threading

from . import RELEASE, Failure, Unavailable
from .log import log

USAGE, UNAVAILABLE = 64, 69


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"albo: {message}\n")


def utf8(argument):
    # argv is bytes; under LANG=C an accent would otherwise arrive as a surrogate.
    name = os.fsencode(argument).decode("utf-8")
    if not name.isprintable():
        raise argparse.ArgumentTypeError("has control characters")
    return name


def positive(argument):
    number = int(argument)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def parser():
    top = Parser(prog="albo", description="Albo pretorio: the notice board of one comune.")
    top.add_argument("--version", action="version", version=f"albo {RELEASE}")
    verbs = top.add_subparsers(dest="verb", required=True, parser_class=Parser)

    verbs.add_parser("migrate", help="create or update the schema")

    serve = verbs.add_parser("serve", help="serve HTTP on a unix socket")
    serve.add_argument("--socket", required=True, type=os.fsencode)
    serve.add_argument("--data", required=True, type=os.fsencode)
    serve.add_argument("--name", required=True, type=utf8, help="the body's name, for the titles")
    serve.add_argument("--connections", type=positive, default=4, help="database connections at most")
    serve.add_argument("--threads", type=positive, default=32, help="requests at once at most")
    serve.add_argument("--grace", type=positive, default=25, metavar="S", help="seconds a stop waits for requests")

    sample = verbs.add_parser("sample", help="fill with sample content")
    sample.add_argument("--data", required=True, type=os.fsencode)
    sample.add_argument("--rows", type=positive, default=10000)
    sample.add_argument("--seed", type=int, default=1)
    sample.add_argument("--again", action="store_true", help="add to the notices that exist")

    check = verbs.add_parser("check", help="compare the data folder with the database")
    check.add_argument("--data", required=True, type=os.fsencode)

    for name, verb in verbs.choices.items():
        verb.add_argument("--wait", type=positive, default=60 if name in ("migrate", "serve") else 10, metavar="S",
                          help="seconds to wait for the database (default %(default)s)")
    return top


def run(options):
    if options.verb == "migrate":
        from .schema import migrate
        return migrate(options.wait)
    if options.verb == "sample":
        from .sample import sample
        return sample(options)
    if options.verb == "check":
        from .check import check
        return check(options.data, options.wait)
    from .serve import serve
    return serve(options, threading.Event())


def main(arguments):
    for stream in sys.stdout, sys.stderr:
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    os.umask(0o027)
    options = parser().parse_args(arguments)
    try:
        return run(options)
    except Failure as failure:
        log(failure)
        return 1
    except Unavailable as reason:
        log(f"the database does not answer: {reason}")
        return UNAVAILABLE
    except OSError as error:
        log(error)
        return 1
