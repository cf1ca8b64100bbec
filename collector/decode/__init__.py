"""OTLP requests to rows of the base tables and back."""

from .batch import Batch, decode
from .errors import DecodeError

__all__ = ["Batch", "DecodeError", "decode"]
