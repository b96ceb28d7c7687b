"""`pellucid recommend RUN --user U` or `--liked ITEM ...`: a list for one person, with reasons."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pellucid.errors import ConfigError


def recommend(
    run: str,
    user: str | None,
    top: int = 10,
    model: str | None = None,
    liked: Sequence[str] = (),
) -> dict[str, Any]:
    """The list of a user as `uses/recommend/answerer.py: Recommender.recommend` makes it; without
    a user, of somebody new who likes the items of these names.

    Raises:
        ConfigError: The run is not about recommendation, has no such user or item, or `top` is no
            number of items.
    """
    from pellucid.uses.answerers import load_answerer, use_of
    from pellucid.uses.recommend.answerer import Recommender

    if top < 1:
        raise ConfigError(
            f"a list of {top} items can't be made", where="--top", fix="name 1 or more: --top 10"
        )
    if use_of(run) is None:
        from pellucid.export.bundle import Bundle

        Bundle.load_from(run)  # says so if there is no model at all
    if use_of(run) != Recommender.kind:
        raise ConfigError(
            "this run makes no recommendations",
            where=run,
            fix="learn from a table of users and items first: "
            "'pellucid learn RATINGS --task recommend'",
        )
    answerer = load_answerer(run)
    assert isinstance(answerer, Recommender)
    if user is None:
        return answerer.recommend_to(liked, top, model)
    return answerer.recommend(user, top, model)


def show(found: dict[str, Any], *, as_json: bool) -> None:
    """To standard output: JSON on one line, or a line an item."""
    if as_json:
        print(json.dumps(found, ensure_ascii=False), flush=True)
        return
    whom = "somebody new" if found["user"] is None else f"user {found['user']}"
    print(f"for {whom}, by {found['by']}")
    for number, item in enumerate(found["items"], start=1):
        named = (
            item["title"] if item["title"] == item["item"] else f"{item['title']} ({item['item']})"
        )
        print(f"{number:>4}  {named:<44}  {item['score']:>8.3g}  {item['why']}")
