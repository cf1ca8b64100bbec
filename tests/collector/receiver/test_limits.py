"""Bounded decompression, and the bytes that requests in flight may hold."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanscore.collector.receiver.limits import (
    MAX_GZIP_MEMBERS,
    Allowance,
    Lease,
    Limits,
    gunzip,
)
from spanscore.collector.receiver.status import Kind, Refusal


def _refusal(data: bytes, limit_bytes: int) -> Kind:
    with pytest.raises(Refusal) as refused:
        gunzip(data, limit_bytes)
    return refused.value.kind


@given(members=st.lists(st.binary(max_size=200_000), min_size=1, max_size=4))
def test_gunzip_undoes_gzip_of_any_number_of_members(members: list[bytes]) -> None:
    packed = b"".join(gzip.compress(member, 1) for member in members)
    assert gunzip(packed, 1_000_000) == b"".join(members)


def test_incompressible_data_of_many_steps_comes_back() -> None:
    data = bytes((i * i * i) % 251 for i in range(300_000))
    assert gunzip(gzip.compress(data, 0), 300_000) == data


def test_the_limit_itself_is_allowed_and_one_more_is_too_large() -> None:
    packed = gzip.compress(bytes(100_000))
    assert gunzip(packed, 100_000) == bytes(100_000)
    assert _refusal(packed, 99_999) is Kind.TOO_LARGE


def test_the_limit_counts_all_members_together() -> None:
    assert _refusal(gzip.compress(bytes(600)) * 2, 1000) is Kind.TOO_LARGE


def test_too_many_members_are_too_large() -> None:
    member = gzip.compress(b"x")
    assert len(gunzip(member * MAX_GZIP_MEMBERS, 1_000_000)) == MAX_GZIP_MEMBERS
    assert _refusal(member * (MAX_GZIP_MEMBERS + 1), 1_000_000) is Kind.TOO_LARGE


@given(data=st.binary(max_size=1000), cut=st.integers(1, 1000))
def test_gzip_that_was_cut_off_is_undecodable(data: bytes, cut: int) -> None:
    packed = gzip.compress(data)
    assert _refusal(packed[: -min(cut, len(packed) - 1)], 10_000) is Kind.UNDECODABLE


@given(data=st.binary(min_size=1, max_size=1000))
def test_bytes_that_are_no_gzip_are_undecodable_or_too_large(data: bytes) -> None:
    assert _refusal(data, 10_000) is Kind.UNDECODABLE


@pytest.mark.parametrize("damage", [-1, -5])
def test_a_wrong_checksum_or_length_is_undecodable(damage: int) -> None:
    packed = bytearray(gzip.compress(b"telemetry" * 100))
    packed[damage] ^= 1
    assert _refusal(bytes(packed), 10_000) is Kind.UNDECODABLE


def test_what_requests_hold_comes_back_when_they_end_however_they_end() -> None:
    allowance = Allowance(Limits(100, 100, 1))
    with Lease(allowance) as first, Lease(allowance) as second:
        first.take(60)
        second.take(40)
        with pytest.raises(Refusal) as refused:
            second.take(1)
        assert refused.value.kind is Kind.UNAVAILABLE
        assert allowance.used_bytes == 100
    assert allowance.used_bytes == 0
