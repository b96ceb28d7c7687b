"""Language models and chat (`--task generate`): texts and dialogues -> what comes next."""

from pellucid.uses.generate.course import Generate

__all__ = ["Generate"]
