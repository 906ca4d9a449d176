"""What one client may ask of the server."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds that keep memory and time finite whatever is sent.

    At most ``in_flight`` requests are held in memory, each of up to ``request_bytes``, and ``at_once`` pictures are
    unpacked at a time, each of up to ``pixels`` pixels.

    Parameters
    ----------
    file_bytes, request_bytes
        Size of one file, and of all files of a request together with what separates them.
    files
        How many a batch may hold.
    pixels
        Width times height of a picture.
    in_flight
        Requests being received or answered; one more is asked to come again later.
    at_once
        Pictures read at the same time.
    sending_seconds, reading_seconds
        How long a client may take to send pictures, and how long these may take to be read, queue included.
    connections
        Open at the same time, whatever they do; one more is asked to come again later.
    arriving_seconds
        How long a connection may take to send any request, headers included; longer than ``sending_seconds`` twice
        over, since what is sent too late or too large is taken for that time again and thrown away.
    """

    file_bytes: int = 8 * MEBIBYTE
    request_bytes: int = 16 * MEBIBYTE
    files: int = 16
    pixels: int = 25_000_000
    in_flight: int = 16
    at_once: int = 2
    sending_seconds: float = 30.0
    reading_seconds: float = 30.0
    connections: int = 256
    arriving_seconds: float = 75.0
