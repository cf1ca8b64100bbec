"""The lines that run a cell again: with spanscore, by hand, at an endpoint of one's own."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from .run_facts import RunFacts, texts_of


@dataclass(frozen=True, slots=True)
class Again:
    """Lines to copy; a title that says what they do, and what to know beside."""

    title: str
    lines: str
    note: str = ""


def again(facts: RunFacts) -> list[Again]:
    """What can be run again of this run; empty for the session of an agent that nobody started."""
    run = facts.run
    found = []
    if run["source"] == "adapter" and run["agent"] and run["task"]:
        endpoint = facts.attribute("cell_run", "spanscore.model.endpoint")
        if endpoint:
            note = "Add --key-env NAME if the endpoint wants a key; it stays outside of the agent."
            found.append(Again("The same cell", _spanscore(facts, "--endpoint", endpoint), note))
        own = _spanscore(facts, "--endpoint", "https://HOST/v1", "--key-env", "OWN_KEY")
        note = "Any endpoint that speaks the model's API."
        found.append(Again("Against an endpoint of your own", f"export OWN_KEY=...\n{own}", note))
    docker = _docker(facts)
    if docker:
        note = "The agent alone, without proxy, verifier and limits. Fill in what it needs."
        found.append(Again("The container by hand", docker, note))
    return found


def _spanscore(facts: RunFacts, *more: str) -> str:
    run = facts.run
    words = ["spanscore", "run", "--agent", run["agent"], "--task", run["task"]]
    if run["model"]:
        words += ["--model", run["model"]]
    if image := run["image"]:
        words += ["--image", image]
    for plugin in texts_of(run["plugin_stack"]):
        words += ["--plugin", plugin]
    if seed := facts.attribute("cell_run", "spanscore.run.seed"):
        words += ["--seed", seed]
    return shlex.join([*words, *more])


def _docker(facts: RunFacts) -> str | None:
    runtime = facts.attribute("container", "container.runtime.name")
    if runtime != "docker":
        return None
    image = facts.run["image_digest"] or facts.run["image"]
    command = facts.texts("container", "container.command_args")
    workdir = ["-v", "$PWD:/workspace", "-w", "/workspace"]
    if not image:
        return None
    line = shlex.join(["docker", "run", "--rm", "-it", *workdir, image, *command])
    return line.replace("'$PWD:/workspace'", '"$PWD:/workspace"')
