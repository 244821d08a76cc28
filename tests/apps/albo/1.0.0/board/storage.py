"""The data folder: attachments, and the marker that ties it to the database. Paths are bytes, whatever the locale."""
import contextlib
import hashlib
import os
import secrets
import stat

from . import Failure

MARKER = b".marker"


class DamagedFile(Exception):
    pass


def sync_folder(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Storage:
    def __init__(self, data):
        self.data = data
        self.attachments = os.path.join(data, b"attachments")
        self.incoming = os.path.join(data, b"incoming")

    def prepare(self):
        if not os.path.isdir(self.data):
            raise Failure(f"the data folder {os.fsdecode(self.data)} does not exist")
        for folder in self.attachments, self.incoming:
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder, 0o750)
        sync_folder(self.data)

    def sweep(self):
        """Takes away what a killed predecessor was writing."""
        for name in os.listdir(self.incoming):
            os.unlink(os.path.join(self.incoming, name))

    def path(self, folder, name):
        return os.path.join(self.attachments, folder[:2].encode(), folder.encode(), name.encode("utf-8"))

    def _write(self, target, content):
        temporary = os.path.join(self.incoming, secrets.token_hex(16).encode())
        try:
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        sync_folder(os.path.dirname(target))

    def add(self, name, content):
        """Returns the new file's folder. The caller commits the row afterwards, so that every row has its file.

        The folder is drawn at random and not made of the notice's id: a database that was restored beside newer files
        gives ids a second time, and the new file would then fall onto the old one.
        """
        folder = secrets.token_hex(16)
        target = self.path(folder, name)
        leaf = os.path.dirname(target)
        os.makedirs(leaf, 0o750)
        self._write(target, content)
        sync_folder(os.path.dirname(leaf))
        sync_folder(self.attachments)
        return folder

    def remove(self, folder, name):
        path = self.path(folder, name)
        os.unlink(path)
        os.rmdir(os.path.dirname(path))

    def open(self, folder, name, size):
        try:
            descriptor = os.open(self.path(folder, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise DamagedFile(error.strerror) from error
        file = os.fdopen(descriptor, "rb")
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size != size:
            file.close()
            raise DamagedFile(f"{found.st_size} bytes instead of {size}")
        return file

    def read_marker(self):
        """The marker's text, or None."""
        try:
            with open(os.path.join(self.attachments, MARKER), "rb") as file:
                return file.read(200).decode("ascii", "replace").strip()
        except FileNotFoundError:
            return None

    def write_marker(self, text):
        self._write(os.path.join(self.attachments, MARKER), text.encode("ascii") + b"\n")

    def count_files(self):
        return sum(len(files) for folder, _, files in os.walk(self.attachments) if folder != self.attachments)


def digest(file):
    return hashlib.file_digest(file, "sha256").digest()
