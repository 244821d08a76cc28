"""Writes a folder as a `.tar.gz`, bit for bit the same on every machine: sorted names, fixed times, owners and modes."""
import os
import stat
import struct
import zlib

TIME = 1529452800  # 20 June 2018; GNU tar warns about 1970
BLOCK = 512


def split(name):
    """A long path as ustar wants it: (prefix, name)."""
    if len(name) <= 100:
        return b"", name
    cut = name.rfind(b"/", 0, 156) if len(name) > 156 else name.rfind(b"/", 0, len(name) - 1)
    while cut > 0 and len(name) - cut - 1 <= 100:
        if cut <= 155:
            return name[:cut], name[cut + 1:]
        cut = name.rfind(b"/", 0, cut)
    raise SystemExit(f"pack: the path is too long: {os.fsdecode(name)}")


def header(name, mode, size, kind):
    # Written here and not by `tarfile`, which fills the device fields differently from one Python to the next.
    prefix, last = split(name.encode("utf-8"))
    before = last.ljust(100, b"\0") + b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode, 0, 0, size, TIME)
    after = (kind + bytes(100) + b"ustar\x0000" + b"root".ljust(32, b"\0") * 2 + b"0000000\0" * 2
             + prefix.ljust(155, b"\0") + bytes(12))
    checksum = sum(before) + sum(after) + 8 * ord(" ")
    return before + b"%06o\0 " % checksum + after


def entries(folder):
    """(relative path, absolute path) of all folders and files, in byte order."""
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in folders + [name for name in files if not name.endswith(".pyc")]:
            path = os.path.join(parent, name)
            found.append((os.path.relpath(path, folder), path))
    return sorted(found, key=lambda entry: os.fsencode(entry[0]))


def tar(folder, top):
    """The bytes of a tar archive of the folder, under the name `top`."""
    parts = [header(top + "/", 0o755, 0, b"5")]
    for relative, path in entries(folder):
        mode = os.lstat(path).st_mode
        if stat.S_ISDIR(mode):
            parts.append(header(f"{top}/{relative}/", 0o755, 0, b"5"))
        elif stat.S_ISREG(mode):
            with open(path, "rb") as file:
                data = file.read()
            parts += [header(f"{top}/{relative}", 0o755 if mode & 0o100 else 0o644, len(data), b"0"), data,
                      bytes(-len(data) % BLOCK)]
        else:
            raise SystemExit(f"pack: {path} is neither a folder nor a file")
    return b"".join(parts) + bytes(2 * BLOCK)


def gzip(data):
    """The bytes as a gzip file of stored blocks.

    Framed here: what a compressor makes of the same bytes changes with the zlib (or zlib-ng) at hand, and even zlib's
    level 0 cuts its blocks according to its buffers.
    """
    parts = [b"\x1f\x8b\x08\x00" + bytes(4) + b"\x00\xff"]  # no name, no time, no flags, unknown system
    for at in range(0, len(data), 65535):
        block = data[at:at + 65535]
        last = at + 65535 >= len(data)
        parts += [struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF), block]
    return b"".join(parts) + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def pack(folder, top, outfile):
    """Writes the archive in one piece and returns its bytes."""
    data = gzip(tar(folder, top))
    temporary = f"{outfile}.{os.getpid()}"
    with open(temporary, "wb") as file:
        file.write(data)
    os.rename(temporary, outfile)
    return data
