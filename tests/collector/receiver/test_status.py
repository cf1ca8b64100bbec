"""Which answers may be tried again, and with what delay."""

from __future__ import annotations

import logging

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo

from spanscore.collector.inbox import InboxBusy, InboxCorrupt, InboxError, InboxFull
from spanscore.collector.receiver.status import Kind, Refusal, refusal_of

RETRYABLE_HTTP = {429, 502, 503, 504}


@pytest.mark.parametrize("kind", Kind)
def test_a_delay_comes_with_retryable_answers_and_with_no_other(kind: Kind) -> None:
    refusal = Refusal(kind, "reason")
    retryable = kind.grpc_code is grpc.StatusCode.UNAVAILABLE
    assert (kind.http_status in RETRYABLE_HTTP) == retryable
    assert ("Retry-After" in refusal.headers()) == retryable
    status = refusal.status()
    assert (status.code, status.message) == (kind.grpc_code.value[0], "reason")
    assert [RetryInfo.DESCRIPTOR.full_name in item.type_url for item in status.details] == [
        True
    ] * retryable


@pytest.mark.parametrize("error", [InboxFull, InboxBusy, InboxCorrupt, InboxError])
def test_trouble_of_the_inbox_is_retryable_and_told_in_its_words(error: type[Exception]) -> None:
    refusal = refusal_of(error("inbox.file: free some space"))
    assert (refusal.kind, str(refusal)) == (Kind.UNAVAILABLE, "inbox.file: free some space")


def test_a_fault_of_ours_is_retryable_logged_and_not_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        refusal = refusal_of(KeyError("a secret of the code"))
    assert refusal.kind is Kind.UNAVAILABLE
    assert "a secret of the code" not in str(refusal)
    assert "a secret of the code" in caplog.text


def test_a_refusal_passes_unchanged() -> None:
    refusal = Refusal(Kind.TOO_LARGE, "reason")
    assert refusal_of(refusal) is refusal


def test_a_senders_own_words_are_cut_and_made_printable() -> None:
    refusal = Refusal(Kind.UNSUPPORTED_TYPE, "Content-Type is \udcff" + "x" * 10_000)
    assert refusal.status().message.startswith("Content-Type is \\udcffxxx")
    assert len(str(refusal)) < 1100
