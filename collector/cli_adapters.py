"""The command `agents`: the agents that have an adapter, and all that an adapter says."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from .config import ConfigError

commands = typer.Typer()


@commands.command(
    epilog="**Examples**\n\n"
    "`spanscore agents` lists the agents that `spanscore run` can start.\n\n"
    "`spanscore agents codex` shows how one is installed, started and read.\n\n"
    "`spanscore agents codex --dockerfile | docker build -t codex -` makes an image of it."
)
def agents(
    agent: Annotated[str | None, typer.Argument(help="Show this agent alone, in full.")] = None,
    dockerfile: Annotated[
        bool, typer.Option("--dockerfile", help="Print a Dockerfile for an image of the agent.")
    ] = False,
    output_format: Annotated[
        Literal["table", "json"], typer.Option("--format", help="How to print the result.")
    ] = "table",
) -> None:
    """List the agents that can be run: version, model API, own telemetry, and whether tried."""
    from spanscore.instrumentation.adapters import AdapterError, find
    from spanscore.instrumentation.images import dockerfile as dockerfile_of

    from .commands.agents import list_agents, show_agent

    try:
        if agent is None:
            if dockerfile:
                raise ConfigError(
                    "--dockerfile needs an agent: spanscore agents codex --dockerfile"
                )
            list_agents(output_format)
        elif dockerfile:
            typer.echo(dockerfile_of(find(agent)), nl=False)
        else:
            show_agent(find(agent), output_format)
    except AdapterError as error:
        raise ConfigError(str(error)) from None
