"""Tasks: what agents are asked to do, and how it is judged."""

from .load import TaskError, find, load, shipped
from .task import Case, Refusal, Task, Verification

__all__ = ["Case", "Refusal", "Task", "TaskError", "Verification", "find", "load", "shipped"]
