"""The whole job: `learn` from a source, or `resume` a run that was killed."""

from pellucid.recipe.job import learn, resume
from pellucid.recipe.watcher import Watcher

__all__ = ["Watcher", "learn", "resume"]
