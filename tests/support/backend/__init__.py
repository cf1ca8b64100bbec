"""A destination that misbehaves as told: over HTTP and gRPC, real ports."""

from .misbehaving import Backend, Behaviour

__all__ = ["Backend", "Behaviour"]
