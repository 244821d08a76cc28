"""Albo pretorio: the notice board of one comune."""
import os
import sys

# The release folder is read-only and may belong to another user: leave no byte code in it.
sys.dont_write_bytecode = True
# `python3 -I` leaves the script's own folder out of the path.
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from board.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
