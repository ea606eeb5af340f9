"""What notebooks show of a report."""

from __future__ import annotations

from kktgen.verification.html import TONES, WORDS
from kktgen.verification.report import CLAIMS


def test_every_claim_has_words_and_a_tone():
    assert set(WORDS) == set(TONES) == set(CLAIMS)
