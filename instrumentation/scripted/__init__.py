"""A scripted model and a scripted agent: runs that are real in all but the mind behind them.

    with ModelServer(script) as model:
        ...  # point an agent at model.url
        model.model_calls  # what it asked, and the tokens it was told

`server.ModelServer` speaks Anthropic's Messages, OpenAI's Responses and Chat Completions, and
Google's Gemini API, streamed and whole. A `script.Script` is data: shell commands and texts with
their token counts, a `Fault` (429, 500, 401, ...) in their place, a delay before each.
"""
