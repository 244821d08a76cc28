"""Holds zone files against the strict validators of octoDNS. Usage: strict.py FILE... (named ZONE.zone)"""
import sys
from pathlib import Path

from octodns.record import Record
from octodns.zone import Zone
from octodns_bind import ZoneFileSource

SETS = ["legacy", "strict"]


def fault(path):
    """What octoDNS says against a zone file; None when it takes it."""
    name = path.stem + "."
    source = ZoneFileSource("files", str(path.parent), file_extension=".zone", check_origin=False)
    zone = Zone(name, [])
    try:
        source.populate(zone, lenient=False)
        zone.validate(lenient=False)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None if len(zone.records) > 4 else "hardly any record was read"


Record.enable_validators(SETS)
Zone.enable_zone_validators(SETS)
failed = 0
for path in map(Path, sys.argv[1:]):
    said = fault(path)
    failed += said is not None
    print(f"{path.stem}: {said or 'OK'}")
sys.exit(min(failed, 1))
