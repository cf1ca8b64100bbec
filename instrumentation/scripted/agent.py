"""A small coding agent: asks a model for shell commands, runs them, until it has no more to ask.

    OPENAI_BASE_URL=http://127.0.0.1:8000/v1 python3 agent.py --model NAME "PROMPT"

It needs the standard library alone, so it runs wherever there is a python3, and speaks OpenAI's
Chat Completions, streamed. It keeps all that a command prints, as a careless agent would. Exit code
1: the model gave no answer.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

VERSION = "1.0.0"

TURNS = 50
ATTEMPTS = 3
FIRST_WAIT_S = 0.2
ANSWER_TIMEOUT_S = 600
SHOWN_CHARACTERS = 20_000

TOOL = {
    "type": "function",
    "function": {
        "name": "bash",
        "description": "Run a shell command in the workspace; gives its output and exit code.",
        "parameters": {
            "type": "object",
            "properties": {"command": {"type": "string"}},
            "required": ["command"],
        },
    },
}


class NoAnswerError(Exception):
    """The model gave no answer; the message says what it gave instead."""


def work(model: str, prompt: str) -> str:
    """Talk with the model until it calls no tool any more; its last words."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": prompt}]
    for _ in range(TURNS):
        answer = ask(model, messages)
        messages.append(answer)
        calls = answer.get("tool_calls") or []
        if answer["content"]:
            print(answer["content"], file=sys.stderr if calls else sys.stdout, flush=True)
        if not calls:
            return str(answer["content"])
        for call in calls:
            command = json.loads(call["function"]["arguments"])["command"]
            result = run(command)
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
    raise NoAnswerError(f"no end after {TURNS} turns")


def run(command: str) -> str:
    """Run a shell command; what it printed, and how it ended."""
    done = subprocess.run(
        ["sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    output = done.stdout.decode(errors="replace")
    return f"{output[-SHOWN_CHARACTERS:]}\nexit code {done.returncode}"


def ask(model: str, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The model's next message; rate limits and errors of the server are tried again."""
    body = {
        "model": model,
        "messages": messages,
        "tools": [TOOL],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    problem = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(FIRST_WAIT_S * 2 ** (attempt - 1))
        try:
            return stream(body)
        except urllib.error.HTTPError as error:
            problem = f"HTTP {error.code}: {error.read(2000).decode(errors='replace')}"
            if error.code != 429 and error.code < 500:
                break
        except (OSError, http.client.HTTPException, ValueError) as error:
            problem = f"{type(error).__name__}: {error}"
    raise NoAnswerError(problem)


def stream(body: dict[str, Any]) -> dict[str, Any]:
    """Send a request and put the pieces of the answer together."""
    request = urllib.request.Request(
        os.environ["OPENAI_BASE_URL"].rstrip("/") + "/chat/completions",
        json.dumps(body).encode(),
        {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY', 'none')}",
        },
    )
    content, calls, finished = "", dict[int, dict[str, Any]](), False
    with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S) as answer:
        for line in answer:
            data = line.decode().strip().removeprefix("data:").strip()
            if not line.startswith(b"data:") or data == "[DONE]":
                continue
            for choice in json.loads(data).get("choices") or []:
                finished = finished or bool(choice.get("finish_reason"))
                content += choice["delta"].get("content") or ""
                for piece in choice["delta"].get("tool_calls") or []:
                    add(calls, piece)
    if not finished:
        raise ValueError("the answer ended before its end")
    message: dict[str, Any] = {"role": "assistant", "content": content}
    return {**message, "tool_calls": [calls[key] for key in sorted(calls)]} if calls else message


def add(calls: dict[int, dict[str, Any]], piece: dict[str, Any]) -> None:
    """Add a piece of a tool call to what is there of it."""
    empty = {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
    call = calls.setdefault(piece.get("index", 0), empty)
    call["id"] = piece.get("id") or call["id"]
    for key in ("name", "arguments"):
        call["function"][key] += piece.get("function", {}).get(key) or ""


def main() -> None:
    """Work on the prompt in the current folder."""
    parser = argparse.ArgumentParser(description="A small coding agent with one tool, the shell.")
    parser.add_argument("--model", required=True)
    parser.add_argument("prompt")
    arguments = parser.parse_args()
    try:
        work(arguments.model, arguments.prompt)
    except NoAnswerError as error:
        print(f"the model gave no answer: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
