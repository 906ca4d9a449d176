"""One file for what came of one run: a data frame, exactly as it was, with a checksum."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pandas as pd

from mnistlab.atomic import write_atomically

__all__ = ["DamagedRecord", "decode", "encode", "read_record", "write_record"]

FORMAT = "mnistlab-record-1"


class DamagedRecord(ValueError):
    """A file is not whole, or no record of this task and key."""


def encode(frame: pd.DataFrame) -> str:
    """Return a frame as text: JSON, column by column, in which every float keeps all of its digits.

    Raises
    ------
    TypeError
        If ``frame`` is no frame, or holds something other than numbers, texts and truth values.
    """
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"a task must return a pandas.DataFrame, not {type(frame).__name__}")
    columns = {str(name): {"dtype": str(frame[name].dtype), "values": frame[name].tolist()} for name in frame.columns}
    return json.dumps(columns, ensure_ascii=False)


def decode(text: str) -> pd.DataFrame:
    """Return the frame that :func:`encode` made a text of."""
    return pd.DataFrame(
        {name: pd.Series(column["values"], dtype=column["dtype"]) for name, column in json.loads(text).items()}
    )


def write_record(path: Path, task: str, key: str, text: str) -> None:
    """Write an encoded frame, whole or not at all."""
    record = {"format": FORMAT, "task": task, "key": key, "sha256": sha256(text.encode()).hexdigest(), "frame": text}
    write_atomically(path, lambda file: file.write(json.dumps(record, ensure_ascii=False).encode()))


def read_record(path: Path, task: str, key: str) -> pd.DataFrame:
    """Return the frame in a file.

    Raises
    ------
    FileNotFoundError
        If there is none.
    DamagedRecord
        If it is damaged, or belongs to another task or key.
    """
    data = path.read_bytes()
    try:
        record = json.loads(data)
        if record["format"] != FORMAT:
            raise ValueError(f"its format is {record['format']!r}")
        found, text = (record["task"], record["key"]), record["frame"]
        if sha256(text.encode()).hexdigest() != record["sha256"]:
            raise ValueError("its checksum is wrong")
        frame = decode(text)
    except Exception as error:  # whatever bytes there are, they are no record
        raise DamagedRecord(f"damaged ({' '.join(str(error).split())})") from error
    if found != (task, key):
        raise DamagedRecord(f"of another task or run ({' '.join(map(str, found))})")
    return frame
