"""Makes or migrates the tables, and the administrator at the first start: `prepare.py SETTINGS PASSWORD_FILE`."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from kinto.core.scripts import migrate  # noqa: E402
from kinto.core.storage.exceptions import ObjectNotFoundError  # noqa: E402
from kinto.plugins.accounts.scripts import create_user  # noqa: E402
from pyramid.paster import bootstrap  # noqa: E402


def main(settings, password_file):
    environment = bootstrap(settings, options={"command": "migrate"})
    migrate(environment)
    try:
        environment["registry"].storage.get(resource_name="account", parent_id="admin", object_id="admin")
    except ObjectNotFoundError:
        with open(password_file, encoding="utf-8") as file:
            return create_user(environment, username="admin", password=file.read().strip())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
