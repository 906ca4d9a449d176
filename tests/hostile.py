"""Files as a server on the open net gets them: mutated, truncated, lying and poisonous pictures."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

import mnistlab as ml
from mnistbook.ch18_draw_your_own.drawings import drawings

NAMES = [
    "digit.png",
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "C:\\x.png",
    "a" * 3000,
    "x\x00.png",
    "%2e%2e%2fx",
    "ф.svg",
]
"""Names under which files are sent: harmless, climbing, absolute, endless, cut by a zero byte, foreign."""


def hostile_files(seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield 2,150 files with a word on each."""
    rng = np.random.default_rng(seed)
    mnist = ml.load_mnist()
    whole = [picture.data for picture in drawings(mnist.x_test, mnist.y_test, 24, seed)]

    def any_file() -> bytes:
        return whole[rng.integers(len(whole))]

    for _ in range(800):
        yield "mutated", _mutated(any_file(), rng)
    for _ in range(500):
        data = any_file()
        yield "truncated", data[: rng.integers(1, len(data))]
    for _ in range(200):
        one, two = any_file(), any_file()
        yield "spliced", one[: rng.integers(1, len(one))] + two[rng.integers(1, len(two)) :]
    for _ in range(150):
        width, height = (int(2 ** rng.uniform(0, 31)) for _ in range(2))
        depth, colour = rng.choice([1, 2, 4, 8, 16]), rng.choice([0, 2, 3, 4, 6])
        yield "PNG of false size", png(width, height, int(depth), int(colour), rng.bytes(rng.integers(0, 200)))
    for _ in range(150):
        header = struct.pack(
            "<IiiHHIIiiII",
            40,
            *rng.integers(-(2**31), 2**31, 2),
            1,
            rng.choice([1, 4, 8, 16, 24, 32]),
            0,
            0,
            0,
            0,
            0,
            0,
        )
        yield "BMP of false size", b"BM" + struct.pack("<IHHI", 1000, 0, 0, 54) + header + rng.bytes(100)
    for _ in range(100):
        size = b"".join(struct.pack("<I", int(value))[:3] for value in rng.integers(0, 2**24, 2))
        body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes([int(rng.integers(0, 64)), 0, 0, 0]) + size + rng.bytes(100)
        yield "WebP of false size", b"RIFF" + struct.pack("<I", len(body)) + body
    for magic in (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"BM", b"RIFF\x00\x10\x00\x00WEBP", b"GIF89a", b""):
        for _ in range(25):
            yield "noise after a signature", magic + rng.bytes(rng.integers(0, 3000))
    for _ in range(88):
        yield "damaged EXIF", _with_exif(rng)
    yield from _specimens()


def png(width: int, height: int, depth: int, colour: int, data: bytes) -> bytes:
    """Return a PNG file with true checksums, whatever its header says."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    """Return an image as the bytes of a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _mutated(data: bytes, rng: np.random.Generator) -> bytes:
    data = bytearray(data)
    reach = len(data) if rng.random() < 0.5 else min(len(data), 64)  # headers are where the damage is worst
    for _ in range(rng.integers(1, 20)):
        data[rng.integers(reach)] = rng.integers(256)
    return bytes(data)


def _with_exif(rng: np.random.Generator) -> bytes:
    image = Image.fromarray(np.pad(np.full((20, 4), 255, np.uint8), 12))
    exif = Image.Exif()
    exif[0x0112] = int(rng.integers(0, 12))
    raw = bytearray(exif.tobytes())
    for _ in range(rng.integers(0, 6)):
        raw[rng.integers(6, len(raw))] = rng.integers(256)
    return saved(image, "JPEG", exif=bytes(raw))


def _specimens() -> Iterator[tuple[str, bytes]]:
    """Twelve that are known by name."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("digit.png", bytes(10**6))
    yield "zip", archive.getvalue()
    yield "SVG", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    yield "XML bomb", b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><svg>&b;</svg>'
    yield "PostScript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (w) file\n"
    yield "GIF", saved(Image.new("L", (30, 30)), "GIF")
    yield "TIFF", saved(Image.new("L", (30, 30)), "TIFF")
    yield "nothing", b""
    yield "white", saved(Image.new("L", (3000, 2000), 255))
    yield "one pixel", saved(Image.new("RGBA", (1, 1)))
    # A row of zeros deflates to a thousandth: 24.9 million pixels are read, 900 million are refused unread.
    yield "large PNG", png(8300, 3000, 8, 6, bytes((4 * 8300 + 1) * 3000))
    yield "PNG bomb", png(30_000, 30_000, 1, 0, bytes(3751 * 30_000))
    text = zlib.compress(bytes(3 * 10**7))
    body = b"zTXt" + b"k\0\0" + text
    chunk = struct.pack(">I", len(text) + 3) + body + struct.pack(">I", zlib.crc32(body))
    whole = saved(Image.new("L", (30, 30), 255))
    yield "bomb in a PNG's text", whole[:33] + chunk + whole[33:]
