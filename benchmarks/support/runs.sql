-- Runs {first} to {last} of a made-up store, 500 spans, 40 log records and 8 data points each: what a harness
-- with its proxy tells, and what Claude Code tells beside it. Every tenth run ends in refused calls; in
-- the others one call in twelve is refused once. Times are shifted by 30 s a run.
CREATE OR REPLACE TEMP TABLE made AS
SELECT
    i,
    1790000000000000000 + i * 30000000000 AS start_ns,
    'run-' || lpad(CAST(i AS VARCHAR), 7, '0') AS run_id,
    ['claude-code', 'codex', 'gemini-cli', 'qwen-code', 'opencode', 'aider'][1 + i % 6] AS agent,
    ['claude-sonnet-4-5', 'gpt-5', 'gemini-2.5-pro', 'unlisted-7b'][1 + i // 6 % 4] AS model,
    'task-' || CAST(i // 24 % 50 AS VARCHAR) AS task,
    'sweep-' || CAST(i // 1200 AS VARCHAR) AS sweep_id,
    md5('harness' || CAST(i AS VARCHAR)) AS harness_trace,
    md5('agent' || CAST(i AS VARCHAR)) AS agent_trace,
    i % 10 = 9 AS is_refused,
    i % 3 = 1 AS passes
FROM range({first}, {last}) AS r(i);

INSERT INTO resource BY NAME
SELECT
    2 * i + who AS resource_id,
    CASE who WHEN 0 THEN 'spanscore' ELSE agent END AS service_name,
    run_id,
    agent || '/' || model || '/' || task AS cell_id,
    sweep_id,
    MAP {{
        'service.name': CASE who WHEN 0 THEN 'spanscore' ELSE agent END, 'service.version': '1.2.3',
        'spanscore.run.id': run_id, 'spanscore.cell.id': agent || '/' || model || '/' || task,
        'spanscore.sweep.id': sweep_id
    }} AS attributes,
    'sssss' AS attribute_types,
    0 AS dropped_attributes_count
FROM made, (VALUES (0), (1)) AS w(who);

INSERT INTO trace BY NAME
SELECT
    CASE who WHEN 0 THEN harness_trace ELSE agent_trace END AS trace_id,
    start_ns AS first_received_ns,
    start_ns - 600000000000 AS window_start_ns,
    start_ns + 1200000000000 AS window_end_ns,
    run_id AS own_run_id,
    who = 0 AS own_run_trusted,
    run_id,
    'run' AS run_id_source
FROM made, (VALUES (0), (1)) AS w(who);

-- j: 0 to 7 the phases; 8 to 32 model calls; 33 to 56 tool calls; 57 the agent's root; 58 to 82 its model
-- calls; 83 to 106 its tools; 107 to 130 their executions; the rest is what agents send besides.
CREATE OR REPLACE TEMP TABLE shaped AS
SELECT
    m.*,
    j,
    CASE
        WHEN j = 0 THEN 'cell_run' WHEN j = 1 THEN 'task_setup' WHEN j = 2 THEN 'adapter_run'
        WHEN j = 3 THEN 'apply_plugins' WHEN j = 4 THEN 'container' WHEN j = 5 THEN 'workspace_diff'
        WHEN j = 6 THEN 'verify' WHEN j = 7 THEN 'cleanup' WHEN j < 33 THEN 'model_call'
        WHEN j < 57 THEN 'tool_call' WHEN j = 57 THEN 'interaction' WHEN j < 83 THEN 'llm_request'
        WHEN j < 107 THEN 'tool' WHEN j < 131 THEN 'execution' ELSE 'other'
    END AS part,
    CASE
        WHEN j < 8 THEN j WHEN j < 33 THEN j - 8 WHEN j < 57 THEN j - 33 WHEN j = 57 THEN 0
        WHEN j < 83 THEN j - 58 WHEN j < 107 THEN j - 83 WHEN j < 131 THEN j - 107 ELSE j - 131
    END AS k,
    (CASE WHEN j < 33 THEN j - 8 ELSE j - 58 END) % 12 = 5
    OR (m.is_refused AND (CASE WHEN j < 33 THEN j - 8 ELSE j - 58 END) > 16) AS fails
FROM made AS m, range(500) AS s(j);

INSERT INTO span BY NAME
SELECT
    start_ns + 121000000000 AS received_ns,
    CASE WHEN j < 57 THEN 'harness' ELSE 'agent' END AS origin,
    CASE WHEN j < 57 THEN harness_trace ELSE agent_trace END AS trace_id,
    substr(md5(CAST(i * 500 + j AS VARCHAR)), 1, 16) AS span_id,
    CASE
        WHEN part IN ('cell_run', 'interaction') THEN NULL
        WHEN part IN ('apply_plugins', 'container') THEN substr(md5(CAST(i * 500 + 2 AS VARCHAR)), 1, 16)
        WHEN j < 8 THEN substr(md5(CAST(i * 500 AS VARCHAR)), 1, 16)
        WHEN j < 57 THEN substr(md5(CAST(i * 500 + 4 AS VARCHAR)), 1, 16)
        WHEN part = 'execution' THEN substr(md5(CAST(i * 500 + j - 24 AS VARCHAR)), 1, 16)
        ELSE substr(md5(CAST(i * 500 + 57 AS VARCHAR)), 1, 16)
    END AS parent_span_id,
    0 AS flags,
    CASE
        WHEN part IN ('interaction', 'llm_request', 'tool') THEN 'claude_code.' || part
        WHEN part = 'execution' THEN 'claude_code.tool.execution'
        WHEN part = 'model_call' THEN 'chat ' || model
        WHEN part = 'other' THEN 'internal.step.' || CAST(k % 40 AS VARCHAR)
        ELSE part
    END AS name,
    CASE WHEN part = 'model_call' THEN 3 ELSE 1 END AS kind,
    start_ns + CASE
        WHEN part IN ('cell_run', 'task_setup') THEN 0
        WHEN part IN ('adapter_run', 'apply_plugins') THEN 2000000000
        WHEN part IN ('container', 'interaction') THEN 3000000000
        WHEN part = 'workspace_diff' THEN 110000000000
        WHEN part = 'verify' THEN 111000000000
        WHEN part = 'cleanup' THEN 118000000000
        WHEN part IN ('model_call', 'llm_request') THEN 4000000000 + k * 4000000000
        WHEN part IN ('tool_call', 'tool', 'execution') THEN 5600000000 + k * 4000000000
        ELSE 4000000000 + k * 250000000
    END AS start_ns,
    CASE
        WHEN part = 'cell_run' THEN 120000000000
        WHEN part = 'task_setup' THEN 2000000000
        WHEN part = 'adapter_run' THEN 108000000000
        WHEN part IN ('container', 'interaction') THEN 106000000000
        WHEN part = 'verify' THEN 7000000000
        WHEN part IN ('workspace_diff', 'cleanup') THEN 1000000000
        WHEN part IN ('model_call', 'llm_request') AND fails THEN 40000000
        WHEN part IN ('model_call', 'llm_request') THEN 1500000000
        WHEN part IN ('tool_call', 'tool', 'execution') THEN 1200000000
        ELSE 1000000 + k * 1000
    END AS duration_ns,
    start_ns + duration_ns AS end_ns,
    CASE WHEN part = 'llm_request' AND fails THEN 2 ELSE 0 END AS status_code,
    2 * i + CASE WHEN j < 57 THEN 0 ELSE 1 END AS resource_id,
    CASE WHEN j < 57 THEN 0 ELSE 1 END AS scope_id,
    CASE
        WHEN part = 'cell_run' THEN MAP {{
            'spanscore.role': part, 'gen_ai.agent.name': agent, 'gen_ai.agent.version': '1.2.3',
            'gen_ai.request.model': model, 'spanscore.task.id': task, 'spanscore.task.version': '1',
            'spanscore.task.family': CASE WHEN i % 7 = 0 THEN 'integrity' ELSE 'polyglot' END,
            'spanscore.run.attempt': CAST(1 + i // 1200 % 5 AS VARCHAR),
            'spanscore.timeout_ms': '600000', 'container.image.name': 'agents/' || agent || ':1'
        }}
        WHEN part = 'adapter_run' THEN MAP {{
            'spanscore.role': part, 'gen_ai.agent.name': agent, 'process.exit.code': '0',
            'spanscore.timed_out': 'false', 'spanscore.calls.complete': 'true',
            'gen_ai.operation.name': 'invoke_agent'
        }}
        WHEN part = 'container' THEN MAP {{
            'spanscore.role': part, 'container.id': harness_trace, 'container.runtime.name': 'docker',
            'container.image.name': 'agents/' || agent || ':1', 'process.exit.code': '0',
            'spanscore.container.image_digest': 'sha256:' || harness_trace,
            'spanscore.container.oom_killed': 'false'
        }}
        WHEN part = 'workspace_diff' THEN MAP {{
            'spanscore.role': part, 'spanscore.workspace.added_count': '1',
            'spanscore.workspace.removed_count': '0', 'spanscore.workspace.modified_count': '2',
            'spanscore.workspace.expected_count': '2', 'spanscore.workspace.artefact_count': '0',
            'spanscore.workspace.unexpected_count': '1', 'spanscore.workspace.forbidden_count': '0'
        }}
        WHEN part = 'verify' THEN MAP {{
            'spanscore.role': part, 'spanscore.task.id': task,
            'process.exit.code': CASE WHEN passes THEN '0' ELSE '1' END,
            'test.suite.run.status': CASE WHEN passes THEN 'success' ELSE 'failure' END,
            'spanscore.verify.tests_failed': CASE WHEN passes THEN '0' ELSE '3' END,
            'spanscore.verify.target_failed': CASE WHEN passes THEN '0' ELSE '3' END
        }}
        WHEN part = 'model_call' THEN MAP {{
            'spanscore.role': part, 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai',
            'gen_ai.request.model': model, 'gen_ai.response.model': CASE WHEN NOT fails THEN model END,
            'gen_ai.response.id': 'resp-' || CAST(i AS VARCHAR) || '-' || CAST(k AS VARCHAR),
            'gen_ai.usage.input_tokens': CASE WHEN NOT fails THEN CAST(2000 + k * 300 AS VARCHAR) END,
            'gen_ai.usage.output_tokens': CASE WHEN NOT fails THEN CAST(100 + k AS VARCHAR) END,
            'gen_ai.usage.cache_read.input_tokens': CASE WHEN NOT fails THEN CAST(1000 + k * 200 AS VARCHAR) END,
            'gen_ai.usage.cache_creation.input_tokens': CASE WHEN NOT fails THEN '0' END,
            'http.response.status_code': CASE WHEN fails THEN '429' ELSE '200' END,
            'error.type': CASE WHEN fails THEN '429' END,
            'spanscore.call.purpose': 'main', 'spanscore.request.hash': md5(CAST(i * 500 + j - CASE WHEN k % 12 = 6 THEN 1 ELSE 0 END AS VARCHAR))
        }}
        WHEN part = 'tool_call' THEN MAP {{
            'spanscore.role': part, 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'Bash',
            'gen_ai.tool.call.id': 'tool-' || CAST(i AS VARCHAR) || '-' || CAST(k AS VARCHAR),
            'spanscore.timing': 'derived', 'spanscore.tool.is_error': 'false'
        }}
        WHEN j < 57 THEN MAP {{'spanscore.role': part, 'spanscore.task.id': task}}
        WHEN part = 'llm_request' THEN MAP {{
            'session.id': agent_trace, 'user.id': 'somebody', 'gen_ai.request.model': model,
            'model': model, 'request_id': 'resp-' || CAST(i AS VARCHAR) || '-' || CAST(k AS VARCHAR),
            'success': CASE WHEN fails THEN 'false' ELSE 'true' END, 'duration_ms': '1500',
            'input_tokens': '1000', 'output_tokens': '100', 'cache_read_tokens': '1000',
            'cache_creation_tokens': '0', 'ttft_ms': '300'
        }}
        WHEN part IN ('tool', 'execution') THEN MAP {{
            'session.id': agent_trace, 'user.id': 'somebody', 'gen_ai.operation.name': CASE WHEN part = 'tool' THEN 'execute_tool' END,
            'gen_ai.tool.name': 'Bash', 'tool_name': 'Bash', 'success': 'true', 'duration_ms': '1200',
            'gen_ai.tool.call.id': 'tool-' || CAST(i AS VARCHAR) || '-' || CAST(k AS VARCHAR)
        }}
        ELSE MAP {{
            'session.id': agent_trace, 'user.id': 'somebody', 'code.file.path': 'core/src/session/mod.rs',
            'code.line.number': CAST(k AS VARCHAR), 'thread.id': '4', 'thread.name': 'worker',
            'target': 'core::session', 'busy_ns': CAST(k * 977 AS VARCHAR), 'idle_ns': '3683',
            'turn.id': harness_trace
        }}
    END AS attributes,
    repeat('s', CAST(cardinality(attributes) AS INTEGER)) AS attribute_types,
    0 AS dropped_attributes_count,
    0 AS dropped_events_count,
    0 AS dropped_links_count,
    [] AS events,
    [] AS links,
    attributes['gen_ai.operation.name'] AS gen_ai_operation_name,
    attributes['gen_ai.provider.name'] AS gen_ai_provider_name,
    attributes['gen_ai.request.model'] AS gen_ai_request_model,
    attributes['gen_ai.response.model'] AS gen_ai_response_model,
    attributes['gen_ai.tool.name'] AS gen_ai_tool_name,
    attributes['gen_ai.tool.call.id'] AS gen_ai_tool_call_id,
    TRY_CAST(attributes['gen_ai.usage.input_tokens'] AS BIGINT) AS gen_ai_usage_input_tokens,
    TRY_CAST(attributes['gen_ai.usage.output_tokens'] AS BIGINT) AS gen_ai_usage_output_tokens,
    TRY_CAST(attributes['gen_ai.usage.cache_read.input_tokens'] AS BIGINT)
        AS gen_ai_usage_cache_read_input_tokens,
    TRY_CAST(attributes['gen_ai.usage.cache_creation.input_tokens'] AS BIGINT)
        AS gen_ai_usage_cache_creation_input_tokens,
    attributes['error.type'] AS error_type,
    TRY_CAST(attributes['http.response.status_code'] AS BIGINT) AS http_response_status_code,
    TRY_CAST(attributes['process.exit.code'] AS BIGINT) AS process_exit_code,
    attributes['session.id'] AS attribute_session_id,
    attributes['spanscore.role'] AS spanscore_role,
    TRY_CAST(attributes['input_tokens'] AS BIGINT) AS input_tokens,
    TRY_CAST(attributes['output_tokens'] AS BIGINT) AS output_tokens,
    TRY_CAST(attributes['duration_ms'] AS DOUBLE) AS attribute_duration_ms
FROM shaped
ORDER BY i, j;

INSERT INTO log BY NAME
SELECT
    m.start_ns + n * 10000000000 AS received_ns,
    CASE WHEN n < 20 THEN 'harness' ELSE 'agent' END AS origin,
    m.start_ns + CASE WHEN n < 8 THEN 0 WHEN n < 20 THEN (n - 8) * 10000000000 ELSE 4000000000 + (n - 20) * 4000000000 END AS time_ns,
    time_ns AS observed_ns,
    0 AS severity_number,
    CASE WHEN n < 20 THEN m.harness_trace ELSE m.agent_trace END AS trace_id,
    substr(md5(CAST(m.i * 500 + CASE WHEN n < 8 THEN n WHEN n < 20 THEN 0 ELSE 57 END AS VARCHAR)), 1, 16) AS span_id,
    0 AS flags,
    2 * m.i + CASE WHEN n < 20 THEN 0 ELSE 1 END AS resource_id,
    CASE WHEN n < 20 THEN 0 ELSE 2 END AS scope_id,
    CASE
        WHEN n < 8 THEN MAP {{'event.name': 'spanscore.span.start', 'spanscore.role': ['cell_run', 'task_setup', 'adapter_run', 'apply_plugins', 'container', 'workspace_diff', 'verify', 'cleanup'][1 + n]}}
        WHEN n < 20 THEN MAP {{'event.name': 'spanscore.heartbeat'}}
        ELSE MAP {{
            'event.name': 'api_request', 'session.id': m.agent_trace, 'model': m.model, 'cost_usd': '0.01',
            'request_id': 'resp-' || CAST(m.i AS VARCHAR) || '-' || CAST(n - 20 AS VARCHAR)
        }}
    END AS attributes,
    repeat('s', CAST(cardinality(attributes) AS INTEGER)) AS attribute_types,
    0 AS dropped_attributes_count,
    attributes['event.name'] AS attribute_event_name,
    attributes['session.id'] AS attribute_session_id,
    attributes['spanscore.role'] AS spanscore_role
FROM made AS m, range(40) AS r(n);

INSERT INTO metric_point BY NAME
SELECT
    start_ns AS received_ns, 'agent' AS origin, 'claude_code.token.usage' AS name, 'sum' AS type,
    1 AS temporality, true AS is_monotonic, MAP {{}} AS metadata, '' AS metadata_types,
    start_ns, start_ns + (n + 1) * 10000000000 AS time_ns, 1000.0 AS value_double, 0 AS flags,
    2 * i + 1 AS resource_id, 3 AS scope_id,
    MAP {{'type': ['input', 'output', 'cacheRead', 'cacheCreation'][1 + n % 4], 'session.id': agent_trace}} AS attributes,
    'ss' AS attribute_types, agent_trace AS attribute_session_id
FROM made, range(8) AS r(n);
