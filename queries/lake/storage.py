"""Where a lake lies: a folder, or a prefix of an S3 bucket, behind one small protocol."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

CONNECT_S = 10
READ_S = 60
ATTEMPTS = 3
"""A store that answers slower, or fails so often, counts as unreachable; the caller tries later."""

UNFINISHED = ".unfinished-"
"""Begins the names under which a folder's files are written before they are sealed."""


class StorageError(Exception):
    """The lake cannot be reached or changed; the message names it and says what to do."""


class MissingError(StorageError):
    """An object that was there is gone."""


@dataclass(frozen=True, slots=True, order=True)
class Stored:
    """An object: its name below the lake, and its size."""

    name: str
    size_bytes: int


class Storage(Protocol):
    """Objects by name, such as `spans/date=2026-05-01/hour=07/a.parquet`; names never begin with /.

    Every method raises StorageError, naming the lake, when the store does not do it.
    """

    url: str
    """The lake as a user writes it, without a / at its end."""

    def list(self, folder: str) -> list[Stored]:
        """All sealed objects below `folder`, by name; none if there is no such folder."""

    def read(self, name: str) -> bytes:
        """The whole object; raises MissingError."""

    def create(self, name: str, data: bytes) -> bool:
        """Seal a new object: whole and durable, or not at all. False if the name is taken."""

    def remove(self, name: str) -> None:
        """Remove an object; one that is gone is no error."""

    def path(self, name: str) -> str:
        """What engines read the object by."""

    def sweep(self, before_s: float) -> None:
        """Remove what was begun and never sealed before this time (seconds since 1970)."""


def is_lake(place: str | Path) -> bool:
    """Whether this names a lake rather than a database file: s3://..., or a folder."""
    return str(place).startswith("s3:/") or Path(place).is_dir()


def canonical(place: str | Path) -> str:
    """The lake as `Storage.url` has it: s3://BUCKET/PREFIX, or an absolute path.

    Raises StorageError for another scheme.
    """
    text = str(place).rstrip("/") or "/"
    if text.startswith("s3:"):
        # What went through a Path has lost a slash.
        return "s3://" + text.removeprefix("s3:").lstrip("/")
    if "://" in text:
        raise StorageError(f"{text} is no lake: name a folder, or s3://BUCKET/PREFIX")
    return str(Path(text).expanduser().absolute())


def open_storage(place: str | Path) -> Storage:
    """The storage at a folder or at s3://BUCKET/PREFIX.

    Nothing is read or made yet. Raises StorageError for another scheme and where S3's libraries are
    not installed.
    """
    url = canonical(place)
    return Bucket(url) if url.startswith("s3://") else Folder(url)


class Folder:
    """A lake in a folder, which may be shared by machines; sealing is a hard link, atomic."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._root = Path(url)

    def list(self, folder: str) -> list[Stored]:
        found = []
        with self._faults():
            for path in (self._root / folder).rglob("*"):
                if path.name.startswith(".") or not path.is_file():
                    continue
                name = path.relative_to(self._root).as_posix()
                found.append(Stored(name, path.stat().st_size))
        return sorted(found)

    def read(self, name: str) -> bytes:
        with self._faults():
            return (self._root / name).read_bytes()

    def create(self, name: str, data: bytes) -> bool:
        path = self._root / name
        with self._faults():
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, unfinished = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                try:
                    os.link(unfinished, path)
                except FileExistsError:
                    return False
            finally:
                os.unlink(unfinished)
            self._sync(path.parent)
        return True

    def remove(self, name: str) -> None:
        with self._faults():
            (self._root / name).unlink(missing_ok=True)

    def path(self, name: str) -> str:
        return str(self._root / name)

    def sweep(self, before_s: float) -> None:
        with self._faults():
            for path in self._root.rglob(f"{UNFINISHED}*"):
                if path.stat().st_mtime < before_s:
                    path.unlink(missing_ok=True)

    def _sync(self, folder: Path) -> None:
        """Make the names durable: of the file, and of the folders that were made for it."""
        for level in (folder, *folder.parents):
            descriptor = os.open(level, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if level == self._root:
                break

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise MissingError(f"the lake {self.url} has no {error.filename}") from error
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            fix = "free some space" if full else "see that this user may write there"
            raise StorageError(f"the lake {self.url}: {error.strerror or error}; {fix}") from error


class Bucket:
    """A lake on S3 or what speaks its protocol; sealing is a put on condition that none is there.

    Endpoint, region and credentials come from where AWS's own tools take them: AWS_ENDPOINT_URL,
    AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE, an instance's role.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._root = url.removeprefix("s3://")
        if not self._root:
            raise StorageError(f"{url} names no bucket; write s3://BUCKET/PREFIX")
        try:
            import s3fs  # noqa: PLC0415 - an extra, and only some lakes are on S3
        except ImportError:
            raise StorageError(f"{url} needs S3's client: pip install 'spanscore[lake]'") from None
        # Never one of before: the environment may tell another endpoint or key by now.
        self._client = partial(s3fs.S3FileSystem, skip_instance_cache=True)
        self._config = {
            "connect_timeout": CONNECT_S,
            "read_timeout": READ_S,
            "retries": {"max_attempts": ATTEMPTS, "mode": "standard"},
        }
        self._filesystem = self._client(config_kwargs=self._config, use_listings_cache=False)

    def reader(self) -> Any:
        """What an engine reads the objects of this moment by, without asking for each anew.

        A statement opens every file that it may read, so each opening counts. Raises StorageError.
        """
        filesystem = self._client(config_kwargs=self._config, use_listings_cache=True)
        with self._faults():
            filesystem.find(self._root)
        return filesystem

    def list(self, folder: str) -> list[Stored]:
        with self._faults():
            found = self._filesystem.find(f"{self._root}/{folder}", detail=True)
        return sorted(
            Stored(name.removeprefix(f"{self._root}/"), int(about["size"] or 0))
            for name, about in found.items()
            if about["type"] == "file"
        )

    def read(self, name: str) -> bytes:
        with self._faults():
            data: bytes = self._filesystem.cat_file(f"{self._root}/{name}")
        return data

    def create(self, name: str, data: bytes) -> bool:
        with self._faults():
            try:
                self._filesystem.pipe_file(f"{self._root}/{name}", data, mode="create")
            except OSError as error:
                if _code(error) in ("PreconditionFailed", "412"):
                    return False
                raise
        return True

    def remove(self, name: str) -> None:
        with self._faults():
            try:
                self._filesystem.rm_file(f"{self._root}/{name}")
            except FileNotFoundError:
                return

    def path(self, name: str) -> str:
        return f"{self.url}/{name}"

    def sweep(self, before_s: float) -> None:
        """Nothing: an object is there whole or not at all."""

    @contextmanager
    def _faults(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, NoCredentialsError  # noqa: PLC0415

        try:
            yield
        except FileNotFoundError as error:
            code = _code(error)
            if code == "NoSuchBucket":
                raise StorageError(
                    f"the lake {self.url}: there is no such bucket; make it, or name another"
                ) from error
            raise MissingError(f"the lake {self.url} has no such object: {error}") from error
        except (PermissionError, NoCredentialsError) as error:
            raise StorageError(
                f"the lake {self.url} refuses these credentials ({error}); "
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and give them this bucket"
            ) from error
        except (OSError, TimeoutError, BotoCoreError) as error:
            raise StorageError(
                f"the lake {self.url} does not answer as it should: {error or type(error).__name__}"
            ) from error


def _code(error: OSError) -> str:
    """S3's own word for what went wrong; s3fs keeps it in the cause."""
    response = getattr(error.__cause__, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))
