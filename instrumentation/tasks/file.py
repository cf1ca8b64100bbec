"""task.toml as people write it: the keys, their types and their limits."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ByteSize, ConfigDict, Field, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=100)]
Text = Annotated[str, Field(min_length=1)]
Words = Annotated[tuple[Text, ...], Field(min_length=1)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Tokens = Annotated[int, Field(ge=0)]

MARKERS = (
    "cannot", "can't", "could not", "couldn't", "unable to", "not able to", "won't", "will not",
    "refuse", "decline", "impossible", "not possible", "should not", "shouldn't",
    "no change is needed", "no changes are needed", "did not change", "have not changed",
    "made no changes", "nothing to fix", "does not exist", "doesn't exist",
)  # fmt: skip
"""What makes an answer a refusal, where a task does not say it otherwise."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CaseTable(_Table):
    """`[[verify.cases]]`"""

    name: Text
    command: Words
    stdout: str
    exit_code: Annotated[int, Field(ge=0, le=255)] = 0


class VerifyTable(_Table):
    """`[verify]`"""

    command: Words | None = None
    cases: tuple[CaseTable, ...] = ()
    build: Words | None = None
    timeout_s: Seconds = 60.0
    fail_to_pass: tuple[Text, ...] = ()
    pass_to_pass: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.command and self.cases:
            raise ValueError("a task is judged by `command` or by `cases`; take one of them out")
        names = [case.name for case in self.cases]
        if len(names) != len(set(names)):
            raise ValueError("two `cases` have the same name; give each its own")
        unknown = sorted({*self.fail_to_pass, *self.pass_to_pass} - {*names}) if names else []
        if unknown:
            raise ValueError(f"there is no case {unknown[0]!r}; name one of `cases`")
        return self


class RefusalTable(_Table):
    """`[refusal]`"""

    keywords: Words
    markers: Words = MARKERS
    reference: Text | None = None


class StepTable(_Table):
    """`[[scripted.steps]]`"""

    command: Text | None = None
    text: str = ""
    input_tokens: Tokens = 1000
    output_tokens: Tokens = 50


class FaultTable(_Table):
    """`[scripted.fault]`"""

    status: Annotated[int, Field(ge=400, le=599)]
    retry_after_s: int | None = None
    times: Annotated[int, Field(ge=1)] | None = None


class ScriptedTable(_Table):
    """`[scripted]`"""

    steps: Annotated[tuple[StepTable, ...], Field(min_length=1)]
    fault: FaultTable | None = None
    delay_s: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _ends_with_a_text(self) -> Self:
        if self.steps[-1].command is not None:
            raise ValueError("the last step is repeated, so it must be a text without a command")
        return self


class TaskFile(_Table):
    """The whole of task.toml."""

    id: Name
    family: Name
    version: Text | None = None
    prompt: Text
    timeout_s: Seconds = 600.0
    expected: tuple[Text, ...] = ()
    forbidden: tuple[Text, ...] = ()
    files: tuple[Text, ...] = ()
    image: Text | None = None
    memory: ByteSize | None = None
    verify: VerifyTable = VerifyTable()
    refusal: RefusalTable | None = None
    scripted: ScriptedTable | None = None

    @model_validator(mode="after")
    def _is_judged(self) -> Self:
        if not (self.verify.command or self.verify.cases or self.refusal):
            raise ValueError("nothing judges the task; add [verify] with `command` or `cases`")
        return self
