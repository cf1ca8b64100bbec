"""The verifier: judges what an agent left, after its container is gone, in a fresh one."""

from .judge import VerifyError, verify
from .refusal import Refused
from .verdict import Status, Verdict

__all__ = ["Refused", "Status", "Verdict", "VerifyError", "verify"]
