"""docs/protocol.md in code, without I/O: bytes in, events out."""
