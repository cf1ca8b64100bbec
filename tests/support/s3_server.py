"""SeaweedFS as an S3 server on loopback."""

from __future__ import annotations

import json
import socket
import subprocess
import sysconfig
import time
from pathlib import Path
from typing import Any, Self

COMMAND = Path(sysconfig.get_path("scripts")) / "weed"
KEY = "lake-tests"
SECRET = "a-secret-of-the-tests"

_START_S = 90.0
_PORTS = (
    "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port",
    "filer.port.grpc", "s3.port", "s3.port.grpc",
)  # fmt: skip
_FIXED = (
    "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-s3.autoCreateBucket=false", "-master.volumeSizeLimitMB=64", "-volume.max=500",
    "-volume.preStopSeconds=0",
)  # fmt: skip


class S3Server:
    """Serves below `folder` while its `with` block runs; one key may do everything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = _free_ports(len(_PORTS))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """Of the S3 endpoint."""
        return self._ports[_PORTS.index("s3.port")]

    def environment(self, port: int | None = None) -> dict[str, str]:
        """What a client is told, by variables; `port` is another one that leads here."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port or self.port}",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }

    def __enter__(self) -> Self:
        data = self._folder / "data"
        data.mkdir(exist_ok=True)
        identities = self._folder / "identities.json"
        identities.write_text(json.dumps({"identities": [_IDENTITY]}))
        ports = [f"-{name}={port}" for name, port in zip(_PORTS, self._ports, strict=True)]
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [COMMAND, "server", f"-dir={data}", f"-s3.config={identities}", *_FIXED, *ports],
                cwd=self._folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        deadline_s = time.monotonic() + _START_S
        while not self._takes_objects():
            assert self._process.poll() is None, self._said
            assert time.monotonic() < deadline_s, self._said
            time.sleep(0.2)
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process is not None
        self._process.kill()  # a clean end takes it a quarter of a minute
        self._process.wait()

    def make_bucket(self, name: str) -> None:
        """Make an empty bucket."""
        self._client().mkdir(name)

    def remove(self, path: str) -> None:
        """Remove an object, BUCKET/KEY, behind the back of whoever put it there."""
        self._client().rm_file(path)

    def _client(self) -> Any:
        from s3fs import S3FileSystem  # noqa: PLC0415 - tests that need only Python are collected too

        return S3FileSystem(
            key=KEY, secret=SECRET, endpoint_url=f"http://127.0.0.1:{self.port}",
            skip_instance_cache=True, use_listings_cache=False,
        )  # fmt: skip

    def _takes_objects(self) -> bool:
        """Its parts come up one after the other; only a put proves that all are there."""
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415

        try:
            client = self._client()
            if "started" not in client.ls(""):
                client.mkdir("started")
            client.pipe_file("started/object", b"x")
        except (OSError, BotoCoreError):
            return False
        return True

    @property
    def _log(self) -> Path:
        return self._folder / "s3.log"

    @property
    def _said(self) -> str:
        return self._log.read_text(errors="replace")[-3000:]


_IDENTITY = {
    "name": "tests",
    "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"],
}


def _free_ports(count: int) -> list[int]:
    """Ports that nobody holds, each another one."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
