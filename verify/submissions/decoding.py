"""The text of a program, from its bytes: as Python decodes them, or else as editors in use write them."""

from __future__ import annotations

import codecs
import io
import tokenize

from verify.submissions.unpacking import Unreadable

# Python would take these too, but they decode in quadratic time or are no way to write a program.
_REFUSED_CODECS = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"})
# Of a text in UTF-16, how many bytes at least are null, all of them in every second place.
_NULL_SHARE = 0.3


def decode(data: bytes) -> tuple[str, tuple[str, ...]]:
    """A program's text, with every line ended by \\n, and what to tell its author of its encoding.

    Raises Unreadable with the line.
    """
    wide = _wide_encoding(data)
    if wide:
        return _lines(_strictly(data, wide)), ("It was read as UTF-16: save it as UTF-8.",)
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise Unreadable(f"line {line} has a null byte: this is no text")
    try:
        return _lines(_as_python_does(data)), ()
    except Unreadable:
        text = _as_gbk(data)
        if text is None:
            raise
        return _lines(text), ("It was read as GBK: save it as UTF-8.",)


def _lines(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _wide_encoding(data: bytes) -> str:
    """utf-16, with its order of bytes; "" for anything else."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = data[::2].count(0), data[1::2].count(0)
    if len(data) % 2 or even + odd < _NULL_SHARE * len(data) or min(even, odd):
        return ""
    return "utf-16-le" if odd else "utf-16-be" if even else ""


def _strictly(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeError as error:
        raise Unreadable(f"is UTF-16 that cannot be decoded ({error}); save it as UTF-8") from None


def _as_gbk(data: bytes) -> str | None:
    """As an editor of Chinese Windows writes; None where that is impossible, or another encoding is declared."""
    if _declared(data) not in ("", "utf-8"):
        return None
    try:
        return data.decode("gb18030")
    except UnicodeDecodeError:
        return None


def _as_python_does(data: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        if codecs.lookup(encoding).name.replace("-", "_") in _REFUSED_CODECS:
            raise Unreadable(f"line 1 or 2 declares the encoding {encoding}, which is none for programs")
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"line {line} is not {error.encoding} (byte 0x{data[error.start]:02x})") from None
    except (SyntaxError, LookupError) as error:
        if not _declared(data):
            raise Unreadable("line 1 or 2 is not UTF-8, and no other encoding is declared there") from None
        raise Unreadable(f"the encoding cannot be told: {error}") from None
    except UnicodeError as error:
        raise Unreadable(f"cannot be decoded: {error}") from None


def _declared(data: bytes) -> str:
    """The encoding that the first two lines declare, as Python calls it; "" for none, or for one of no name."""
    head = b"\n".join(data.splitlines()[:2])
    plain = bytes(byte for byte in head if byte < 128 or byte == 10)
    try:
        encoding, read = tokenize.detect_encoding(io.BytesIO(plain + b"\n").readline)
    except SyntaxError:
        return "unknown"
    return "" if encoding == "utf-8" and b"coding" not in b"".join(read) else encoding.removesuffix("-sig")
