"""Lease tokens name one attempt, and cannot be made by others."""

from __future__ import annotations

import uuid

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from agents import leasing
from agents.leasing import LONGEST, LeaseTokenRefused, issue, read

STEP = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")


@given(st.uuids(), st.integers(1, 999_999_999))
def test_a_token_is_read_as_it_was_issued(step: uuid.UUID, attempt: int) -> None:
    token = issue(step, attempt)

    assert read(token) == (step, attempt)
    assert issue(str(step), attempt) == token
    assert len(token) <= LONGEST


def test_no_sign_of_a_token_can_be_changed() -> None:
    token = issue(STEP, 3)
    for place, sign in enumerate(token):
        with pytest.raises(LeaseTokenRefused):
            read(token[:place] + ("0" if sign != "0" else "1") + token[place + 1 :])


def test_a_token_of_one_attempt_does_not_become_that_of_the_next() -> None:
    head, _, signature = issue(STEP, 1).partition(":")
    with pytest.raises(LeaseTokenRefused):
        read(f"{head[:-1]}2:{signature}")


@pytest.mark.parametrize("token", ["", ":", "x", "x" * 10_000, f"{STEP.hex}.0:{'a' * 43}", f"{STEP.hex}.01:{'a' * 43}"])
def test_what_is_no_token_is_refused_without_a_reason(token: str) -> None:
    with pytest.raises(LeaseTokenRefused) as refused:
        read(token)

    assert str(refused.value) == "This is no lease token of ours."
    assert refused.value.http_status == 403


@given(st.text(max_size=120))
def test_no_text_breaks_it(token: str) -> None:
    with pytest.raises(LeaseTokenRefused):
        read(token)


def test_a_token_of_another_site_is_refused_and_one_of_an_old_secret_is_not() -> None:
    token = issue(STEP, 1)
    from django.conf import settings

    old = settings.SECRET_KEY
    try:
        with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[]):
            leasing._signer.cache_clear()
            with pytest.raises(LeaseTokenRefused):
                read(token)
        with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[old]):
            leasing._signer.cache_clear()
            assert read(token) == (STEP, 1)
    finally:
        leasing._signer.cache_clear()
