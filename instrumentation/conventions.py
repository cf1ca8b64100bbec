"""Span roles and attribute names of a run; docs/conventions.md says what each one means.

Names follow the OTel semantic conventions (gen_ai, container, process, test, http); what they
lack is under `spanscore.`. An attribute that nobody could find out is left out, never sent as 0.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """`spanscore.role`: what part of a run a span is."""

    CELL_RUN = "cell_run"
    TASK_SETUP = "task_setup"
    ADAPTER_RUN = "adapter_run"
    APPLY_PLUGINS = "apply_plugins"
    CONTAINER = "container"
    MODEL_CALL = "model_call"
    TOOL_CALL = "tool_call"
    WORKSPACE_DIFF = "workspace_diff"
    VERIFY = "verify"
    CLEANUP = "cleanup"


SPAN_NAMES = {
    Role.CELL_RUN: "cell_run {agent}",
    Role.TASK_SETUP: "task_setup {task}",
    Role.ADAPTER_RUN: "invoke_agent {agent}",
    Role.APPLY_PLUGINS: "apply_plugins",
    Role.CONTAINER: "container {agent}",
    Role.MODEL_CALL: "chat {model}",
    Role.TOOL_CALL: "execute_tool {tool}",
    Role.WORKSPACE_DIFF: "workspace_diff",
    Role.VERIFY: "verify {task}",
    Role.CLEANUP: "cleanup {agent}",
}
"""The name of a span of each role; `{}` is filled in by whoever emits it."""

PARENTS = {
    Role.CELL_RUN: None,
    Role.TASK_SETUP: Role.CELL_RUN,
    Role.ADAPTER_RUN: Role.CELL_RUN,
    Role.APPLY_PLUGINS: Role.ADAPTER_RUN,
    Role.CONTAINER: Role.ADAPTER_RUN,
    Role.MODEL_CALL: Role.CONTAINER,
    Role.TOOL_CALL: Role.CONTAINER,
    Role.WORKSPACE_DIFF: Role.CELL_RUN,
    Role.VERIFY: Role.CELL_RUN,
    Role.CLEANUP: Role.CELL_RUN,
}
"""The role of each role's parent; model and tool calls may have a span of the agent instead."""

SPAN_START_EVENT = "spanscore.span.start"
"""`event.name` of the log record exported, with the span's ids, when a phase opens."""

HEARTBEAT_EVENT = "spanscore.heartbeat"
"""`event.name` of the log record that the harness sends every 10 s while a run goes on."""

REPLAY_DIVERGENCE_EVENT = "spanscore.replay.divergence"
"""Name of a span event: the request is not the one that the recorded session sent here."""


class Timing(StrEnum):
    """`spanscore.timing`: how a span's times are known."""

    MEASURED = "measured"
    DERIVED = "derived"
    REPORTED = "reported"


class Purpose(StrEnum):
    """`spanscore.call.purpose`: whether a model call does the task or something beside it."""

    MAIN = "main"
    AUXILIARY = "auxiliary"


class CallError(StrEnum):
    """`error.type` of a failed attempt where the provider's own code or the status does not say."""

    CONTEXT_LENGTH = "context_length_exceeded"
    CONTENT_FILTER = "content_filter"
    QUOTA = "insufficient_quota"
    INVALID_KEY = "invalid_api_key"
    REFUSED = "connection_refused"
    RESET = "connection_reset"
    CUT = "connection_cut"
    TIMEOUT = "timeout"
    NAME_RESOLUTION = "name_resolution_failed"
    FAILED = "connection_failed"
    INVALID_ANSWER = "invalid_response"
    STREAM_ERROR = "stream_error"
    CLIENT_GONE = "client_disconnected"


# On the resource of every span, log and metric of a run, the agent's own too.
RUN_ID = "spanscore.run.id"
CELL_ID = "spanscore.cell.id"
SWEEP_ID = "spanscore.sweep.id"

# On every span of the harness.
ROLE = "spanscore.role"
TIMING = "spanscore.timing"
HARNESS_ERROR = "spanscore.harness.error"
ERROR_TYPE = "error.type"

# Identity.
AGENT_NAME = "gen_ai.agent.name"
AGENT_VERSION = "gen_ai.agent.version"
REQUEST_MODEL = "gen_ai.request.model"
MODEL_BUILD_ID = "spanscore.model.build_id"
MODEL_ENDPOINT = "spanscore.model.endpoint"
CONTEXT_WINDOW = "spanscore.model.context_window"
TASK_ID = "spanscore.task.id"
TASK_VERSION = "spanscore.task.version"
TASK_FAMILY = "spanscore.task.family"
RUN_ATTEMPT = "spanscore.run.attempt"
RUN_SEED = "spanscore.run.seed"
SWEEP_CELLS = "spanscore.sweep.cells"
SWEEP_REPEATS = "spanscore.sweep.repeats"
BEHAVIOR_MODE = "spanscore.behavior_mode"
PLUGIN_STACK = "spanscore.plugin_stack"
CANCELLED_BY = "spanscore.run.cancelled_by"
CITABLE = "spanscore.run.citable"
PROVISIONAL = "spanscore.run.provisional"
SPANS_DROPPED = "spanscore.spans.dropped"

# Workspace.
WORKSPACE_PATH = "spanscore.workspace.path"
WORKSPACE_FILE_COUNT = "spanscore.workspace.file_count"
WORKSPACE_BASELINE_HASH = "spanscore.workspace.baseline_hash"
WORKSPACE_ADDED = "spanscore.workspace.added"
WORKSPACE_ADDED_COUNT = "spanscore.workspace.added_count"
WORKSPACE_REMOVED = "spanscore.workspace.removed"
WORKSPACE_REMOVED_COUNT = "spanscore.workspace.removed_count"
WORKSPACE_MODIFIED = "spanscore.workspace.modified"
WORKSPACE_MODIFIED_COUNT = "spanscore.workspace.modified_count"
WORKSPACE_EXPECTED = "spanscore.workspace.expected"
WORKSPACE_EXPECTED_COUNT = "spanscore.workspace.expected_count"
WORKSPACE_ARTEFACT = "spanscore.workspace.artefact"
WORKSPACE_ARTEFACT_COUNT = "spanscore.workspace.artefact_count"
WORKSPACE_UNEXPECTED = "spanscore.workspace.unexpected"
WORKSPACE_UNEXPECTED_COUNT = "spanscore.workspace.unexpected_count"
WORKSPACE_FORBIDDEN = "spanscore.workspace.forbidden"
WORKSPACE_FORBIDDEN_COUNT = "spanscore.workspace.forbidden_count"
WORKSPACE_DESTROYED = "spanscore.workspace.destroyed"

# Running the agent.
TIMEOUT_MS = "spanscore.timeout_ms"
TIMED_OUT = "spanscore.timed_out"
EXIT_CODE = "process.exit.code"
EXIT_REASON = "spanscore.agent.exit_reason"
BUDGET_EXHAUSTED = "spanscore.budget.exhausted"
CALLS_COMPLETE = "spanscore.calls.complete"
PLUGINS_APPLIED = "spanscore.plugins.applied"
PLUGINS_SKIPPED = "spanscore.plugins.skipped"

# Container.
CONTAINER_ID = "container.id"
IMAGE_NAME = "container.image.name"
IMAGE_DIGEST = "spanscore.container.image_digest"
IMAGE_ID = "container.image.id"
REPO_DIGESTS = "container.image.repo_digests"
COMMAND_ARGS = "container.command_args"
RUNTIME_NAME = "container.runtime.name"
ISOLATION = "spanscore.container.isolation"
CONTAINER_USER = "spanscore.container.user"
NETWORK = "spanscore.container.network"
READ_ONLY = "spanscore.container.read_only"
MOUNTED_SOCKETS = "spanscore.container.mounted_sockets"
START_ERROR = "spanscore.container.start_error"
OOM_KILLED = "spanscore.container.oom_killed"
MEMORY_PEAK = "spanscore.container.memory_peak_bytes"
MEMORY_LIMIT = "spanscore.container.memory_limit_bytes"
CPU_LIMIT = "spanscore.container.cpu_limit"
CPU_TIME_MS = "spanscore.container.cpu_time_ms"
OUTPUT_DROPPED = "spanscore.container.output_dropped_bytes"

# Model calls: one span an HTTP attempt.
OPERATION_NAME = "gen_ai.operation.name"
PROVIDER_NAME = "gen_ai.provider.name"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_CREATION_TOKENS = "gen_ai.usage.cache_creation.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
FIRST_CHUNK_S = "gen_ai.response.time_to_first_chunk"
STREAM = "gen_ai.request.stream"
HTTP_STATUS = "http.response.status_code"
RESEND_COUNT = "http.request.resend_count"
SERVER_ADDRESS = "server.address"
CALL_ID = "spanscore.call.id"
CALL_PURPOSE = "spanscore.call.purpose"
REQUEST_HASH = "spanscore.request.hash"
USAGE_MISSING = "spanscore.usage.missing"
URL_PATH = "url.path"
REQUEST_BYTES = "http.request.body.size"
RESPONSE_BYTES = "http.response.body.size"
CALL_REPLAYED = "spanscore.call.replayed"
REPLAY_REASON = "spanscore.replay.reason"
REPLAY_RECORDED_HASH = "spanscore.replay.recorded_hash"
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"

# Tool calls.
TOOL_NAME = "gen_ai.tool.name"
TOOL_CALL_ID = "gen_ai.tool.call.id"
TOOL_ERROR = "spanscore.tool.is_error"
TOOL_ARGUMENTS = "gen_ai.tool.call.arguments"
TOOL_ARGUMENTS_BYTES = "spanscore.tool.arguments_bytes"
TOOL_ARGUMENTS_HASH = "spanscore.tool.arguments_hash"
TOOL_RESULT = "gen_ai.tool.call.result"
TOOL_RESULT_BYTES = "spanscore.tool.result_bytes"
TOOL_RESULT_HASH = "spanscore.tool.result_hash"
TOOL_RESULT_MISSING = "spanscore.tool.result_missing"

# Verdict.
VERDICT = "test.suite.run.status"
STDOUT_TAIL = "spanscore.verify.stdout_tail"
STDERR_TAIL = "spanscore.verify.stderr_tail"
BUILD_FAILED = "spanscore.verify.build_failed"
TESTS_PASSED = "spanscore.verify.tests_passed"
TESTS_FAILED = "spanscore.verify.tests_failed"
TESTS_REGRESSED = "spanscore.verify.tests_regressed"
TARGET_FAILED = "spanscore.verify.target_failed"
BASELINE_TIMED_OUT = "spanscore.verify.baseline_timed_out"
PARTIAL_SCORE = "spanscore.verify.partial_score"
REFUSAL_EXPECTED = "spanscore.refusal.expected"
REFUSAL_PRODUCED = "spanscore.refusal.produced"
REFUSAL_CORRECT = "spanscore.refusal.correct"
REFUSAL_MARKERS = "spanscore.refusal.markers"
REFUSAL_KEYWORDS = "spanscore.refusal.keywords"
FABRICATED_FIX = "spanscore.refusal.fabricated_fix"

# Cleaning up.
CLEANUP_REMOVED = "spanscore.cleanup.removed"

# Published records: figures that somebody displayed and no span proves (origin `import` only).
REPORTED_BANNER = "spanscore.reported.banner"
REPORTED_BANNER_DETAIL = "spanscore.reported.banner_detail"
REPORTED_BLAST_RADIUS = "spanscore.reported.blast_radius"
REPORTED_INTEGRITY = "spanscore.reported.integrity"
REPORTED_REFUSAL = "spanscore.reported.refusal"
REPORTED_CONTAINER_ACTIVE_MS = "spanscore.reported.container_active_ms"
REPORTED_MODEL_CALL_MS = "spanscore.reported.model_call_ms"
REPORTED_PROMPT_TOKENS = "spanscore.reported.prompt_tokens"
REPORTED_COMPLETION_TOKENS = "spanscore.reported.completion_tokens"
REPORTED_TOTAL_TOKENS = "spanscore.reported.total_tokens"
REPORTED_MODEL_CALLS = "spanscore.reported.model_calls"
REPORTED_TOKEN_SOURCE = "spanscore.reported.token_source"
REPORTED_COMPOSITE = "spanscore.reported.composite"
REPORTED_SPAN_ID = "spanscore.reported.span_id"
REPORTED_NAME = "spanscore.reported.name"
REPORTED_ATTRIBUTES = "spanscore.reported.attributes"
