"""Every study is registered under a name that has its place in reading order."""

from __future__ import annotations

from pellucid.evidence.finding import ORDER
from pellucid.evidence.studies import PARTS


def test_every_study_has_its_place_in_reading_order() -> None:
    assert tuple(PARTS) == ORDER
