"""Translation and text-to-text (`--task translate`): pairs of texts -> one said as the other."""

from pellucid.uses.translate.course import Translate

__all__ = ["Translate"]
