"""A scripted model server: what coding agents take for their model, with known answers.

    with ModelServer(FIX_THE_BUG) as model:
        ...  # point an agent at model.url
        model.model_calls  # what it asked, and the tokens it was told

It speaks Anthropic's Messages, OpenAI's Responses and Chat Completions, and Google's Gemini API,
streamed and whole. A `Script` is data: shell commands and texts with their token counts, a
`Fault` (429, 500, 401, ...) in their place, a delay before each.
"""

from .script import (
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
from .server import Exchange, ModelServer

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
