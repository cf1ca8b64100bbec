"""The scripted model that spanscore ships, under the name that the tests know."""

from spanscore.instrumentation.scripted import (
    BUGGY_FILE,
    FIX_STEPS,
    FIX_THE_BUG,
    FIXED_TEXT,
    FOREVER_S,
    PROMPT,
    Exchange,
    Fault,
    ModelServer,
    Script,
    Step,
    Usage,
)

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
