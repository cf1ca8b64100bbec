"""How to get an agent: the lines that install it here, and a Dockerfile for an image of it."""

from __future__ import annotations

from .adapters.adapter import Adapter, AdapterError

_DEBIAN = "bookworm"


def install_line(adapter: Adapter) -> str:
    """The shell line that installs the agent at the version that was tried; else where to look."""
    install = adapter.install
    if install.registry == "npm":
        return f"npm install --global {' '.join(install.packages)}"
    if install.registry == "pypi":
        return f"pip install {' '.join(install.packages)}"
    return f"see {install.url}" if install.url else ""


def dockerfile(adapter: Adapter) -> str:
    """A Dockerfile for an image in which the agent runs. Raises AdapterError if none is known."""
    install = adapter.install
    if install.registry == "none":
        way = f"; see {install.url}" if install.url else ": it is whatever you run"
        raise AdapterError(f"the agent {adapter.name!r} comes from no package registry{way}")
    if install.registry == "npm":
        base, tools = f"node:{max(install.node, 22)}-{_DEBIAN}-slim", "ca-certificates git python3"
    else:
        base, tools = f"python:{install.python}-slim-{_DEBIAN}", "ca-certificates git"
    line = install_line(adapter).replace("pip install", "pip install --no-cache-dir")
    return f"""\
# {adapter.title} {install.version}. Build: docker build -t {adapter.name} - < Dockerfile
# Add what your tasks' tests need. Pin the base by its digest to get the same image next year.
FROM {base}
RUN apt-get update \\
    && apt-get install -y --no-install-recommends {tools} \\
    && rm -rf /var/lib/apt/lists/*
RUN {line}
"""
