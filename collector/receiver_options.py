"""What the doors are told of the settings."""

from __future__ import annotations

from .config import Settings
from .keys import ingest_key
from .receiver.options import ReceiverOptions


def receiver_options(settings: Settings) -> ReceiverOptions:
    """The options of every door into this database: the two of the receiver, and `import`."""
    return ReceiverOptions(
        grpc=settings.grpc,
        http=settings.http,
        inbox=settings.inbox,
        inbox_max_bytes=settings.inbox_max,
        max_request_bytes=settings.max_request,
        token=settings.token,
        ingest_key=ingest_key(settings.db),
        tls_cert=settings.tls_cert,
        tls_key=settings.tls_key,
        insecure=settings.insecure,
        secrets=tuple(settings.secrets),
        mask_patterns=settings.mask_patterns,
        content=settings.content,
    )
