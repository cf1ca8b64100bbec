"""Whether a call does the task, or something beside it: a title, a commit message, a probe."""

from __future__ import annotations

import re

from spanscore.instrumentation.conventions import Purpose

from .model_api import Asked

_INSTRUCTION_CHARS = 1000

_SIDE_JOB = re.compile(
    r"\b(?:generat|writ|creat|output|summari[sz]|analy[sz]|com)\w*\b.{0,120}"
    r"\b(?:title|commit message|branch name|conversation topic)s?\b|\btitle generator\b",
    re.IGNORECASE | re.DOTALL,
)
_SMALLER = re.compile(r"(?:^|[-_./])(?:mini|nano|haiku|flash|small|lite|tiny|weak)(?:$|[-_.:/])")
_DATED = re.compile(r"[-@](?:20\d\d-?\d\d-?\d\d|latest)$")


def plain_name(model: str) -> str:
    """A model's name without provider, date and case, by which two names mean the same."""
    return _DATED.sub("", model.lower().rpartition("/")[2])


class Purposes:
    """Tells main from auxiliary calls of one run, whose model is `model` where that is known.

    A call to another model is auxiliary, unless it comes first and offers tools: then the agent has
    another name for the model. One without tools is auxiliary when its instructions say so.
    """

    def __init__(self, model: str | None) -> None:
        self._main = None if model is None else plain_name(model)
        self._is_sure = False

    def of(self, asked: Asked) -> Purpose:
        """What the call is for."""
        if asked.max_tokens == 1 or self._is_side_job(asked):
            return Purpose.AUXILIARY
        if asked.model is None:
            return Purpose.MAIN
        name = plain_name(asked.model)
        if self._main is None or name == self._main:
            self._main = self._main or name
            self._is_sure = True
            return Purpose.MAIN
        if self._is_sure or not (asked.offers_tools or not _SMALLER.search(name)):
            return Purpose.AUXILIARY
        return Purpose.MAIN

    def _is_side_job(self, asked: Asked) -> bool:
        if asked.offers_tools:
            return False
        return _SIDE_JOB.search(asked.instructions[:_INSTRUCTION_CHARS]) is not None
