"""A message's properties as pika reads them, for any headers of a producer.

An exception here would end the connection, and the same message would come first again, for ever."""

import struct
from typing import Any

from pika import BasicProperties, spec

#: Stands for headers that cannot be read. No header that can is named like this: names are texts.
UNREADABLE = b"headers that cannot be read"
#: Headers that are nested deeper are not worth reading.
DEEPEST = 32


class Properties(BasicProperties):
    """Reads properties. Headers that cannot be read become the single header `UNREADABLE`."""

    def decode(self, encoded: bytes, offset: int = 0) -> "Properties":
        # Times beyond the year 9999, numbers that are none, tables in tables in tables.
        try:
            super().decode(encoded, offset)
            if not is_deeper(self.headers, DEEPEST):
                return self
        except TimeoutError:
            raise  # The alarm of a publish that waits, which happens to ring here.
        except Exception:
            pass
        super().decode(without_headers(encoded[offset:]))
        self.headers = {UNREADABLE: None}
        return self


def without_headers(encoded: bytes) -> bytes:
    """The other properties. Two texts may stand before the headers."""
    (flags,) = struct.unpack_from(">H", encoded)
    begin = 2
    for flag in (BasicProperties.FLAG_CONTENT_TYPE, BasicProperties.FLAG_CONTENT_ENCODING):
        if flags & flag:
            begin += 1 + encoded[begin]
    (length,) = struct.unpack_from(">I", encoded, begin)
    flags &= ~BasicProperties.FLAG_HEADERS
    return struct.pack(">H", flags) + encoded[2:begin] + encoded[begin + 4 + length :]


def is_deeper(value: Any, levels: int) -> bool:
    nested = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(nested, list):
        return False
    return levels == 0 or any(is_deeper(inner, levels - 1) for inner in nested)


def install_properties() -> None:
    """Lets pika read every message's properties so."""
    spec.props[BasicProperties.INDEX] = Properties
