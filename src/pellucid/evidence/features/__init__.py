"""Features: what each unit of a network answers to, by examples, by tests, and while it learns."""

from __future__ import annotations

from pellucid.evidence.features import study  # noqa: F401  (registers the part "features")
