"""Brings the tenant's database to this release of Tryton: `prepare.py RELEASE MODULE...`. Done already, it does nothing.

An update of all modules takes the better part of a minute, too long for every start. So the release that was brought in is
written at a table of Tryton's, where it travels with every copy of the database and tells also a restored one apart.
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
# Nothing is written into the release's folder, which other tenants use too.
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)

from trytond import backend  # noqa: E402

DONE = """SELECT to_regclass('ir_configuration') IS NOT NULL,
    coalesce(obj_description(to_regclass('ir_configuration'), 'pg_class'), '')"""


def number(release):
    return tuple(int(part) for part in release.split("."))


def ask(database, statement):
    connection = database.get_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        connection.commit()
        return row
    finally:
        database.put_connection(connection)


def main(release, *modules):
    name = os.environ["PGDATABASE"]
    database = backend.Database(name).connect()
    is_there, done = ask(database, DONE)
    if is_there and done == release:
        return 0
    if done and number(done) > number(release):
        sys.stderr.write(f"the database is of release {done}: {release} cannot work on it\n")
        return 1
    # `--all` comes last: both write into one list, and `--update` replaces what is there. Without `--all` the kernel's own
    # modules (`ir`, `res`) would stay as the release before left them, and all others fail on them.
    command = [sys.executable, "-I", "-B", f"{HERE}/bin/trytond-admin", "--database", name,
               "--update", *modules, "--all", "--activate-dependencies"]
    # A new database asks for the administrator's e-mail: none. Its password comes from TRYTONPASSFILE.
    status = subprocess.run(command, input="\n", text=True, stdout=subprocess.DEVNULL).returncode
    if status == 0:
        number(release)  # digits and dots: safe to write into a statement that takes no parameters
        ask(database, f"COMMENT ON TABLE ir_configuration IS '{release}'")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
