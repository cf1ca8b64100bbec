"""The scripted model that spanscore ships, under the name that the tests know."""

from spanscore.instrumentation.scripted.script import (
    BUGGY_FILE,
    FIX_STEPS,
    FIX_THE_BUG,
    FIXED_TEXT,
    FOREVER_S,
    PROMPT,
    Fault,
    Script,
    Step,
    Usage,
)
from spanscore.instrumentation.scripted.server import Exchange, ModelServer

__all__ = [
    "BUGGY_FILE",
    "FIXED_TEXT",
    "FIX_STEPS",
    "FIX_THE_BUG",
    "FOREVER_S",
    "PROMPT",
    "Exchange",
    "Fault",
    "ModelServer",
    "Script",
    "Step",
    "Usage",
]
