"""The files in a folder or an archive, as bytes in memory: nothing is ever extracted to a path that a student chose.

Links, devices and what the desktop leaves behind (`__MACOSX`, `.DS_Store`, `._*`) are left out. A path that climbs out,
an archive that is encrypted or damaged, and one that unpacks to more than the bounds below are refused.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import mmap
import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_MEMBERS = 10_000
MAX_DEPTH = 32
MAX_PATH_BYTES = 2000
MAX_ARCHIVE_BYTES = 1 << 30
MAX_UNPACKED_BYTES = 256 << 20
_XZ_MEMORY = 64 << 20

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz")
_STRAY = frozenset({"__macosx", "__pycache__", "thumbs.db", "desktop.ini"})
_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:[/\\]")
_CENTRAL_HEADER = re.compile(rb"PK\x01\x02")
_IS_UTF8 = 0x800


# What the library raises where an archive is damaged, or says something impossible.
_DAMAGES = (
    OSError, EOFError, ValueError, OverflowError, MemoryError, RecursionError, NotImplementedError, struct.error,
    zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError,
)  # fmt: skip


class Unreadable(Exception):
    """Why a folder or an archive is refused."""


@dataclass(frozen=True)
class Member:
    """One regular file of a tree. `read(most)` gives its bytes, and at most `most + 1` of them."""

    path: str
    size: int
    read: Callable[[int], bytes]


def is_archive(name: str) -> bool:
    """Whether a file's name is that of an archive that can be opened."""
    return name.casefold().endswith(ARCHIVE_SUFFIXES)


def is_stray(path: str) -> bool:
    """Whether any part of a path is what a desktop, an editor or Python leaves behind."""
    return any(part.startswith(".") or part.casefold() in _STRAY for part in path.split("/"))


def folder_members(folder: Path) -> list[Member]:
    """The regular files under a folder, in the order of their paths. Raises Unreadable."""
    return sorted(_bounded(_walk(folder, "", 0)), key=lambda member: member.path)


@contextlib.contextmanager
def archive_members(name: str, content: Path | bytes) -> Iterator[list[Member]]:
    """The regular files of an archive on disk or in memory, in the order of their paths; of two with one path the last.

    They can be read while the context is open. Raises Unreadable.
    """
    with contextlib.ExitStack() as stack:
        members = _zip_members(content, stack) if name.casefold().endswith(".zip") else _tar_members(name, content)
        latest = {member.path: member for member in _bounded(members)}
        yield sorted(latest.values(), key=lambda member: member.path)


def _bounded(members: Iterator[Member]) -> Iterator[Member]:
    for number, member in enumerate(members):
        if number >= MAX_MEMBERS:
            raise Unreadable(f"holds more than {MAX_MEMBERS} files")
        if not is_stray(member.path):
            yield member


# Folders -------------------------------------------------------------------------------------------------------------


def _walk(folder: Path, prefix: str, depth: int) -> Iterator[Member]:
    if depth > MAX_DEPTH:
        raise Unreadable(f"is nested more than {MAX_DEPTH} folders deep")
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise Unreadable(f"{prefix or 'the folder'} cannot be listed ({error.strerror})") from None
    for entry in entries:
        path = prefix + entry.name
        if is_stray(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{path}/", depth + 1)
        elif entry.is_file(follow_symlinks=False):
            yield Member(path, entry.stat(follow_symlinks=False).st_size, file_reader(Path(entry.path)))


def file_reader(path: Path) -> Callable[[int], bytes]:
    """Reads a regular file that is no link, even where something else took its place since it was listed."""

    def read(most: int) -> bytes:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError("no regular file")
            return stream.read(most + 1)

    return read


# Archives ------------------------------------------------------------------------------------------------------------


def _clean(name: str) -> str:
    """A member's path with its parts joined by /. Raises Unreadable where it leads out of the archive."""
    if _ABSOLUTE.match(name):
        raise Unreadable(f"{name}: an absolute path leads out of the archive")
    parts = [part for part in re.split(r"[/\\]", name) if part not in ("", ".")]
    if ".." in parts:
        raise Unreadable(f"{name}: the path climbs out of the archive")
    if len(parts) > MAX_DEPTH or len(name.encode(errors="surrogateescape")) > MAX_PATH_BYTES:
        raise Unreadable(f"{name[:80]}...: the path is longer or deeper than any program's")
    return "/".join(parts)


def _zip_members(content: Path | bytes, stack: contextlib.ExitStack) -> Iterator[Member]:
    try:
        _count_zip_headers(content)
        source = io.BytesIO(content) if isinstance(content, bytes) else content
        archive = stack.enter_context(zipfile.ZipFile(source))
    except _DAMAGES as error:
        raise Unreadable(f"cannot be opened as a zip archive ({error})") from None
    for info in archive.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        path = _clean(_zip_name(info))
        if path and not info.is_dir() and kind in (0, stat.S_IFREG):
            yield Member(path, info.file_size, _zip_reader(archive, info))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """A member's name. Only UTF-8 can be marked as such; Finder writes it unmarked, Chinese Windows writes GBK."""
    if info.flag_bits & _IS_UTF8:
        return info.filename
    try:
        return _decoded(info.filename.encode("cp437"), info.filename)
    except UnicodeEncodeError:  # a field beside the name says it in Unicode
        return info.filename


def _decoded(name: bytes, otherwise: str) -> str:
    for encoding in ("utf-8", "gbk"):
        with contextlib.suppress(UnicodeDecodeError):
            return name.decode(encoding)
    return otherwise


def _count_zip_headers(content: Path | bytes) -> None:
    """Refuses a zip whose list of members alone would fill the memory, before zipfile builds that list."""
    if isinstance(content, bytes):
        return _limit_headers(content)
    if content.stat().st_size > MAX_ARCHIVE_BYTES:
        raise Unreadable(f"is larger than {MAX_ARCHIVE_BYTES >> 20} MiB")
    with content.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return _limit_headers(view)


def _limit_headers(buffer: bytes | mmap.mmap) -> None:
    for number, _ in enumerate(_CENTRAL_HEADER.finditer(buffer)):
        if number >= MAX_MEMBERS:
            raise Unreadable(f"holds more than {MAX_MEMBERS} files")


def _zip_reader(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[int], bytes]:
    def read(most: int) -> bytes:
        if info.flag_bits & 1:
            raise Unreadable(f"{info.filename} is encrypted")
        # The other methods take gigabytes of memory where the archive asks for them.
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unreadable(f"{info.filename} is packed in a way other than store and deflate")
        try:
            with archive.open(info) as stream:
                return stream.read(most + 1)
        except _DAMAGES as error:
            raise Unreadable(f"{info.filename} is damaged ({error})") from None

    return read


def _tar_members(name: str, content: Path | bytes) -> Iterator[Member]:
    data = _inflated(name, content)
    count = 0
    try:
        # "r|" reads forwards only: a header with a negative size cannot make it go round for ever.
        with tarfile.open(fileobj=io.BytesIO(data), mode="r|") as archive:
            for info in archive:
                count += 1
                if count > MAX_MEMBERS:
                    raise Unreadable(f"holds more than {MAX_MEMBERS} files")
                path = _clean(_tar_name(info))
                if path and info.isreg() and not info.issparse():
                    yield _tar_member(archive, info, path)
    except _DAMAGES as error:
        raise Unreadable(f"cannot be opened as a tar archive ({error})") from None


def _tar_name(info: tarfile.TarInfo) -> str:
    name = info.name.encode(errors="surrogateescape")
    return _decoded(name, info.name)


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo, path: str) -> Member:
    stream = archive.extractfile(info)
    if stream is None or not 0 <= info.size <= MAX_UNPACKED_BYTES:
        raise Unreadable(f"{path} is damaged: it says that it has {info.size} bytes")
    data = stream.read(info.size)
    return Member(path, info.size, lambda most: data[: most + 1])


def _inflated(name: str, content: Path | bytes) -> bytes:
    """The tar inside a compressed archive. Raises Unreadable beyond MAX_UNPACKED_BYTES."""
    suffix = name.casefold()
    try:
        packed = content if isinstance(content, bytes) else _whole_file(content)
        if suffix.endswith("gz"):
            data = gzip.GzipFile(fileobj=io.BytesIO(packed)).read(MAX_UNPACKED_BYTES + 1)
        elif suffix.endswith(("bz2", "tbz")):
            data = bz2.BZ2File(io.BytesIO(packed)).read(MAX_UNPACKED_BYTES + 1)
        elif suffix.endswith("xz"):
            unpacker = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
            data = unpacker.decompress(packed, MAX_UNPACKED_BYTES + 1)
        else:
            data = packed
    except _DAMAGES as error:
        raise Unreadable(f"cannot be unpacked ({error})") from None
    if len(data) > MAX_UNPACKED_BYTES:
        raise Unreadable(f"unpacks to more than {MAX_UNPACKED_BYTES >> 20} MiB")
    return data


def _whole_file(path: Path) -> bytes:
    with path.open("rb") as stream:
        data = stream.read(MAX_UNPACKED_BYTES + 1)
    if len(data) > MAX_UNPACKED_BYTES:
        raise Unreadable(f"is larger than {MAX_UNPACKED_BYTES >> 20} MiB")
    return data
