"""`pellucid recommend RUN --user U`: a list for one person, with the reasons."""

from __future__ import annotations

import json
from typing import Any

from pellucid.errors import ConfigError


def recommend(run: str, user: str, top: int = 10, model: str | None = None) -> dict[str, Any]:
    """The list of a user as `uses/recommend/answerer.py: Recommender.recommend` makes it.

    Raises:
        ConfigError: The run is not about recommendation, has no such user, or `top` is no number
            of items.
    """
    from pellucid.uses.answerers import load_answerer, use_of
    from pellucid.uses.recommend.answerer import Recommender

    if top < 1:
        raise ConfigError(
            f"a list of {top} items can't be made", where="--top", fix="name 1 or more: --top 10"
        )
    if use_of(run) != Recommender.kind:
        raise ConfigError(
            "this run makes no recommendations",
            where=run,
            fix="learn from a table of users and items first: "
            "'pellucid learn RATINGS --task recommend'",
        )
    answerer = load_answerer(run)
    assert isinstance(answerer, Recommender)
    return answerer.recommend(user, top, model)


def show(found: dict[str, Any], *, as_json: bool) -> None:
    """To standard output: JSON on one line, or a line an item."""
    if as_json:
        print(json.dumps(found, ensure_ascii=False), flush=True)
        return
    print(f"for user {found['user']}, by {found['by']}")
    for number, item in enumerate(found["items"], start=1):
        named = (
            item["title"] if item["title"] == item["item"] else f"{item['title']} ({item['item']})"
        )
        print(f"{number:>4}  {named:<44}  {item['score']:>8.3g}  {item['why']}")
