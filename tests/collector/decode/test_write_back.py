"""What is stored can be written back as an equal message."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from spanscore.collector.signals import Signal
from tests.support.otlp_strategies import stored_requests

from .flat import records
from .tables import Tables, decode_messages


@pytest.fixture(scope="module")
def tables() -> Tables:
    return Tables()


@settings(max_examples=100)
@given(st.data())
@pytest.mark.parametrize("signal", Signal)
def test_a_stored_request_is_written_back_as_an_equal_message(
    signal: Signal, tables: Tables, data: st.DataObject
) -> None:
    sent: Message = data.draw(stored_requests(signal))
    assert records(tables.written_back(signal, decode_messages(signal, sent))) == records(sent)
