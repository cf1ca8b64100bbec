"""Images that tests make of their base image: something is added to it, something taken away."""

from __future__ import annotations

import io
import secrets
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import docker

BASE = "spanscore-test/base"
"""Made by .ci/docker-images: python3, perl, git, bash and busybox."""


@contextmanager
def image_from(script: str, files: Mapping[str, Path]) -> Iterator[str]:
    """The name of an image: BASE with files and folders of this machine (by their place in it).

    The shell script runs in it last. The image is removed at the end.
    """
    name = f"spanscore-test/made-{secrets.token_hex(4)}"
    client = docker.from_env()
    try:
        container = client.containers.create(BASE, ["sh", "-ec", script], network_mode="none")
        try:
            container.put_archive("/", _archive(files))
            container.start()
            assert container.wait()["StatusCode"] == 0, container.logs().decode()
            image = container.commit(name)
        finally:
            container.remove(force=True)
        try:
            yield name
        finally:
            client.images.remove(image.id, force=True)
    finally:
        client.close()


def containers(label: str) -> list[str]:
    """The names of all containers with this label, running or not."""
    client = docker.from_env()
    try:
        found = client.containers.list(all=True, filters={"label": label})
        return [str(container.name) for container in found]
    finally:
        client.close()


def _archive(files: Mapping[str, Path]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for place, path in files.items():
            archive.add(path.resolve(), place.removeprefix("/"))
    return written.getvalue()
