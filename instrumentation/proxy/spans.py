"""Spans of model calls and of the tool calls derived from them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, Tracer, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from spanscore.instrumentation import conventions as c

from .loose import Json, as_json
from .masking import Mask
from .model_api import Answer
from .tool_calls import Derived
from .watch import Watch

MAX_CONTENT_CHARS = 256 << 10

_NO_RESULT = "no later request carried it"
_PROVIDERS = {
    "openai.com": "openai",
    "openai.azure.com": "azure.ai.openai",
    "anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "amazonaws.com": "aws.bedrock",
    "deepseek.com": "deepseek",
    "groq.com": "groq",
    "mistral.ai": "mistral_ai",
    "x.ai": "x_ai",
    "perplexity.ai": "perplexity",
    "cohere.com": "cohere",
}
_TRACE_CONTEXT = TraceContextTextMapPropagator()

Values = dict[str, str | bool | int | float | list[str] | None]


@dataclass(frozen=True, slots=True)
class Emitter:
    """Emits the spans of one run as children of `parent`. Texts are masked.

    A span begins and ends in the same moment, with the times that were noted: none is ever open.
    """

    tracer: Tracer
    parent: Context
    mask: Mask
    host: str | None
    captures_content: bool
    is_replay: bool

    def model_call(self, watch: Watch) -> None:
        """One HTTP attempt."""
        model = watch.asked.model if watch.asked is not None else None
        span = self.tracer.start_span(
            f"chat {model}" if model else "chat",
            context=self.parent,
            kind=SpanKind.CLIENT,
            attributes=self._given(self._call(watch)),
            links=_links(watch.request.outgoing.headers),
            start_time=watch.request.clock.start_ns,
        )
        if watch.divergence is not None:
            noted: Values = {
                c.REPLAY_REASON: watch.divergence.reason,
                c.REPLAY_RECORDED_HASH: watch.divergence.recorded_hash,
            }
            start_ns = watch.request.clock.start_ns
            span.add_event(c.REPLAY_DIVERGENCE_EVENT, self._given(noted), start_ns)
        if watch.error_type is not None:
            span.set_status(Status(StatusCode.ERROR, self.mask.hide_text(watch.error_message)))
        span.end(watch.end_ns)

    def tool_call(self, derived: Derived) -> None:
        """A tool call, from the answer that asked for it to the request with its result."""
        call, result = derived.call, derived.result
        content: Values = {c.TOOL_ARGUMENTS: call.arguments, c.TOOL_RESULT: result}
        values: Values = {
            c.ROLE: c.Role.TOOL_CALL.value,
            c.OPERATION_NAME: "execute_tool",
            c.TIMING: c.Timing.DERIVED.value,
            c.TOOL_NAME: call.name or None,
            c.TOOL_CALL_ID: call.id,
            **_measured(c.TOOL_ARGUMENTS_BYTES, c.TOOL_ARGUMENTS_HASH, call.arguments),
            **_measured(c.TOOL_RESULT_BYTES, c.TOOL_RESULT_HASH, result),
            c.TOOL_RESULT_MISSING: _NO_RESULT if result is None else None,
            c.TOOL_ERROR: derived.is_error,
            c.EXIT_CODE: derived.exit_code,
        }
        span = self.tracer.start_span(
            f"execute_tool {call.name}".rstrip(),
            context=self.parent,
            attributes=self._given(values | (_cut(content) if self.captures_content else {})),
            start_time=derived.start_ns,
        )
        span.end(derived.end_ns)

    def _call(self, watch: Watch) -> Values:
        asked, attempt, answer = watch.asked, watch.attempt, watch.answer
        first_ms = watch.first_chunk_ms if asked is not None and asked.stream else None
        return {
            c.ROLE: c.Role.MODEL_CALL.value,
            c.OPERATION_NAME: "chat",
            c.PROVIDER_NAME: _provider(self.host),
            c.SERVER_ADDRESS: self.host,
            c.URL_PATH: watch.request.path,
            c.REQUEST_MODEL: asked.model if asked is not None else None,
            c.STREAM: asked.stream if asked is not None else None,
            c.REQUEST_HASH: watch.request.hash,
            c.REQUEST_BYTES: len(watch.request.outgoing.body),
            c.RESPONSE_BYTES: watch.response_bytes,
            c.CALL_ID: attempt.call_id if attempt is not None else None,
            c.RESEND_COUNT: (attempt.resend_count or None) if attempt is not None else None,
            c.CALL_PURPOSE: watch.purpose.value,
            c.CALL_REPLAYED: True if self.is_replay else None,
            c.HTTP_STATUS: watch.status,
            c.ERROR_TYPE: watch.error_type,
            c.RESPONSE_MODEL: answer.model,
            c.RESPONSE_ID: answer.id,
            c.FINISH_REASONS: answer.finish_reasons or None,
            c.FIRST_CHUNK_S: None if first_ms is None else first_ms / 1e3,
            **_usage(watch),
            **(_content(watch) if self.captures_content else {}),
        }

    def _given(self, values: Values) -> dict[str, str | bool | int | float | list[str]]:
        """The values that are known, masked."""
        return {
            key: self.mask.hide_text(value) if isinstance(value, str) else value
            for key, value in values.items()
            if value is not None
        }


def _usage(watch: Watch) -> Values:
    usage = watch.answer.usage
    return {
        c.INPUT_TOKENS: usage.input_tokens,
        c.OUTPUT_TOKENS: usage.output_tokens,
        c.CACHE_READ_TOKENS: usage.cache_read_tokens,
        c.CACHE_CREATION_TOKENS: usage.cache_creation_tokens,
        c.REASONING_TOKENS: usage.reasoning_tokens,
        c.USAGE_MISSING: watch.usage_missing,
    }


def _measured(size_key: str, hash_key: str, text: str | None) -> Values:
    if text is None:
        return {}
    data = text.encode("utf-8", "surrogatepass")
    return {size_key: len(data), hash_key: hashlib.sha256(data).hexdigest()}


def _content(watch: Watch) -> Values:
    api, asked, answer = watch.request.api, watch.asked, watch.answer
    messages = [] if api is None else api.messages(watch.request.body)
    values: Values = {
        c.INPUT_MESSAGES: _latest(messages) if messages else None,
        c.SYSTEM_INSTRUCTIONS: asked.instructions or None if asked is not None else None,
    }
    output = _output(answer)
    return _cut(values) | {c.OUTPUT_MESSAGES: _latest([output]) if output["parts"] else None}


def _output(answer: Answer) -> Json:
    text = "".join(answer.texts)
    parts: list[Json] = [{"type": "text", "content": text}] if text else []
    for call in answer.tool_calls:
        made = {"type": "tool_call", "id": call.id, "name": call.name}
        parts.append({**made, "arguments": call.arguments})
    reasons = answer.finish_reasons
    return {"role": "assistant", "parts": parts, "finish_reason": reasons[0] if reasons else None}


def _latest(messages: list[Json]) -> str:
    """The last of the messages that fit, as JSON."""
    kept: list[str] = []
    size = 0
    for message in reversed(messages):
        shown = as_json(message)
        size += len(shown)
        if size > MAX_CONTENT_CHARS:
            break
        kept.append(shown)
    return "[" + ",".join(reversed(kept)) + "]"


def _cut(values: Values) -> Values:
    return {
        key: value[:MAX_CONTENT_CHARS] if isinstance(value, str) else value
        for key, value in values.items()
    }


def _provider(host: str | None) -> str | None:
    """Who serves the model, by the endpoint's host; None where it tells nothing."""
    known = (name for end, name in _PROVIDERS.items() if host and f".{host}".endswith(f".{end}"))
    return next(known, None)


def _links(headers: Mapping[str, str]) -> list[Link]:
    """A link to the agent's own span, where its request names one: it may never be exported, so
    that it cannot be the parent."""
    carrier = {"traceparent": headers.get("traceparent", "")}
    context = get_current_span(_TRACE_CONTEXT.extract(carrier, Context())).get_span_context()
    return [Link(context)] if context.is_valid else []
