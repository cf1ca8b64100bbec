"""OTLP requests to rows of the base tables and back."""

from .batch import SCHEMAS, Batch, decode
from .errors import DecodeError
from .write_back import write_back

__all__ = ["SCHEMAS", "Batch", "DecodeError", "decode", "write_back"]
