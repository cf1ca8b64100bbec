"""The commands that run agents: run, sweep, tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .config import Settings
from .options import with_settings

commands = typer.Typer()

_COLLECTING = (
    "db", "memory", "views", "prices", "content", "mask_values", "mask_env", "mask_patterns",
)  # fmt: skip

Plugin = Annotated[
    list[str] | None,
    typer.Option(help="A plugin by name or file; several are applied in order.", metavar="NAME"),
]
CommandLine = Annotated[str, typer.Option(help="What the agent `command` runs.", metavar="LINE")]
KeyEnv = Annotated[
    str | None,
    typer.Option(help="The environment variable with the endpoint's key.", metavar="NAME"),
]
ContainerKind = Annotated[
    Literal["docker", "process"] | None,
    typer.Option(help="Where the agent runs. [default: docker if there is an image]"),
]
Memory = Annotated[
    str | None, typer.Option(help="The most memory of the agent, such as 2GiB.", metavar="SIZE")
]
Timeout = Annotated[
    float | None, typer.Option(min=0.1, help="Seconds, in place of the task's own.", metavar="S")
]
DockerSocket = Annotated[
    bool, typer.Option(help="Give the agent the engine's socket: it then rules this machine.")
]
Record = Annotated[Path | None, typer.Option(help="Keep the model's answers in this new file.")]
Replay = Annotated[Path | None, typer.Option(help="Play a recording in place of a model.")]
ReplayTiming = Annotated[
    Literal["recorded", "none"], typer.Option(help="As slow as it was, or at once.")
]
Keep = Annotated[
    Path | None, typer.Option(help="Keep workspace and output below this folder.", metavar="DIR")
]
CollectorUrl = Annotated[
    str | None, typer.Option("--collector", help="Send to this collector instead.", metavar="URL")
]


@commands.command(
    epilog="**Examples**\n\n"
    "`spanscore run --agent codex --model gpt-5 --task fix-it --endpoint https://HOST/v1 "
    "--key-env OPENAI_API_KEY --image my/agents`\n\n"
    "`spanscore run --agent command --command-line './agent.sh' --model m --task ./task "
    "--endpoint http://127.0.0.1:8000/v1` runs any command line.\n\n"
    "`spanscore run --agent aider --model m --task fix-it --replay run.rec` needs no model."
)
@with_settings(*_COLLECTING)
def run(
    settings: Settings,
    agent: Annotated[str, typer.Option(help="An agent; `spanscore agents` lists them.")],
    model: Annotated[str, typer.Option(help="The model's name, as its endpoint knows it.")],
    task: Annotated[str, typer.Option(help="A task's name or folder; see `spanscore tasks`.")],
    endpoint: Annotated[
        str | None, typer.Option(help="Base URL of the model endpoint.", metavar="URL")
    ] = None,
    key_env: KeyEnv = None,
    image: Annotated[str | None, typer.Option(help="The container image.")] = None,
    container: ContainerKind = None,
    plugin: Plugin = None,
    command_line: CommandLine = "",
    timeout: Timeout = None,
    memory_limit: Memory = None,
    cpus: Annotated[float | None, typer.Option(min=0.01, help="CPUs of the agent.")] = None,
    network: Annotated[
        Literal["none", "host"], typer.Option(help="`none`: the proxy and the collector alone.")
    ] = "none",
    user: Annotated[str | None, typer.Option(help="Who it is inside.", metavar="UID:GID")] = None,
    docker_socket: DockerSocket = False,
    max_calls: Annotated[int | None, typer.Option(min=1, help="Budget of model calls.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Budget of tokens.")] = None,
    capture_content: Annotated[
        bool, typer.Option(help="Keep prompts, answers and tool content on the spans.")
    ] = False,
    record: Record = None,
    replay: Replay = None,
    replay_timing: ReplayTiming = "recorded",
    seed: Annotated[int | None, typer.Option(help="Written down with the run.")] = None,
    attempt: Annotated[int | None, typer.Option(min=1, help="[default: the next]")] = None,
    sweep: Annotated[str | None, typer.Option(help="The sweep that it is part of.")] = None,
    keep: Keep = None,
    collector: CollectorUrl = None,
    output_format: Annotated[
        Literal["text", "json"], typer.Option("--format", help="How to print the result.")
    ] = "text",
) -> None:
    """Run an agent with a model on a task, every phase and every model call a span.

    Exit code: 0 passed, 3 failed, 4 spoiled by infra, provider or harness, 5 no verdict.
    """
    from .commands.run import Wanted, run_one
    from .commands.run_terms import terms_of

    given = dict(locals())
    wanted = Wanted(
        agent, model, task, tuple(plugin or ()), command_line, container, collector,
        sweep, attempt, seed,
    )  # fmt: skip
    raise typer.Exit(run_one(settings, wanted, terms_of(given), output_format))


@commands.command(
    epilog="**Examples**\n\n"
    "`spanscore sweep nightly.toml --parallel 4` runs what is not in the database yet.\n\n"
    "`spanscore sweep nightly.toml --rerun spoiled` tries again what infra, provider or harness "
    "spoiled."
)
@with_settings(*_COLLECTING)
def sweep(
    settings: Settings,
    file: Annotated[Path, typer.Argument(help="A TOML file: agents, models, tasks, repeats.")],
    parallel: Annotated[
        int | None, typer.Option(min=1, max=64, help="Runs at a time. [default: the file's, or 1]")
    ] = None,
    rerun: Annotated[
        Literal["spoiled"] | None,
        typer.Option(help="Further attempts for spoiled runs, which are kept."),
    ] = None,
    output_format: Annotated[
        Literal["text", "json"], typer.Option("--format", help="How to print the results.")
    ] = "text",
) -> None:
    """Run agents x models x tasks x repeats; what is in the database already is not run again.

    Ctrl-C ends the runs at work, which are recorded as cancelled, and starts no more; the same
    command goes on later. Exit code: 0 all was run, 4 some of it was spoiled.
    """
    from .commands.sweep import run_sweep

    raise typer.Exit(
        run_sweep(
            settings, file, parallel=parallel, rerun_spoiled=rerun is not None, form=output_format
        )
    )


@commands.command(
    epilog="**Examples**\n\n"
    "`eval $(spanscore tokens)` lets a harness of your own send runs that are scored."
)
@with_settings("db")
def tokens(settings: Settings) -> None:
    """Print, as lines for a shell, the collector's address and the tokens of harness and agent.

    Whoever has the harness' token can write scores. A damaged FILE.key makes both void.
    """
    from .commands.tokens import print_tokens

    print_tokens(settings)
