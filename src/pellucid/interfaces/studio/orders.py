"""What the page orders, as JSON: read, checked, and put into words of the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pellucid.errors import ConfigError, did_you_mean
from pellucid.interfaces.studio.labels import LIST
from pellucid.interfaces.studio.runs import Shelf

TEXTS = ("target", "time", "effort", "network", "task", "group", "order", "split", "keep", "test")
LISTS = ("ignore", "missing")
SWITCHES = {
    "keep_going": ("--keep-going", False),
    "record": ("--no-record", True),
    "pretrained": ("--no-pretrained", True),
}
"""Setting that is on or off -> the option that turns it, and how it is without that."""
SETTINGS = (*TEXTS, *LISTS, *SWITCHES, "seed", "kinds", "without")


def order_of(text: str | bytes) -> dict[str, Any]:
    """The JSON object of a request; nothing at all is an empty one."""
    try:
        order = json.loads(text or "{}")
    except (ValueError, RecursionError):
        order = None
    if not isinstance(order, dict):
        raise ConfigError(
            "what was sent is no JSON object",
            where="request",
            fix='send something like {"do": "pause"}',
        )
    return order


def text_in(order: Mapping[str, Any], name: str) -> str | None:
    """A text of an order; None if it is not there."""
    value = order.get(name)
    if value is None or isinstance(value, str):
        return value or None
    raise ConfigError(f"'{name}' is no text: {value!r:.40}", where=name, fix="send a text")


def words_in(order: Mapping[str, Any], target: str | None, shelf: Shelf) -> list[str]:
    """The `settings` of an order as options of `pellucid learn` and `pellucid check`.

    Args:
        target: What a built-in example predicts.
        shelf: Knows the runs whose decisions about labels `without` may name.

    Raises:
        ConfigError: There is no such setting, or it can't be that.
    """
    settings = order.get("settings") or {}
    if not isinstance(settings, Mapping):
        raise ConfigError("the settings are no object", where="settings", fix="send {NAME: VALUE}")
    for name in settings:
        if name not in SETTINGS:
            raise ConfigError(
                f"there is no setting '{name}'", where="settings", fix=did_you_mean(name, SETTINGS)
            )
    chosen = {"target": target, **{name: settings.get(name) for name in TEXTS if name in settings}}
    # NAME=VALUE in one word: a value that starts with "-" is no option.
    words = [f"--{name}={text}" for name in chosen if (text := text_in(chosen, name))]
    words += [f"--{name}={text}" for name in LISTS for text in _texts(settings, name)]
    words += [f"--as={column}={kind}" for column, kind in _pairs(settings)]
    for name, (option, usual) in SWITCHES.items():
        value = settings.get(name, usual)
        if not isinstance(value, bool):
            raise ConfigError(f"'{name}' is on or off", where=name, fix="send true or false")
        words += [option] if value != usual else []
    seed = settings.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ConfigError("the seed is a whole number", where="seed", fix="send 0, for example")
    run = text_in(settings, "without")
    without = [] if run is None else [f"--without={shelf.run(run).path / LIST}"]
    return [*words, f"--seed={seed}", *without]


def _texts(settings: Mapping[str, Any], name: str) -> list[str]:
    value = settings.get(name, [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ConfigError(f"'{name}' is a list of texts", where=name, fix='send ["..."]')
    return value


def _pairs(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    value = settings.get("kinds", {})
    if not isinstance(value, Mapping) or not all(isinstance(kind, str) for kind in value.values()):
        raise ConfigError(
            "'kinds' says for columns what they are",
            where="kinds",
            fix='send {"COLUMN": "category"}',
        )
    return list(value.items())
