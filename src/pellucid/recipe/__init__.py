"""The whole job: `learn` from a source, or `resume` a run that was killed."""

from pellucid.recipe.job import check_resumable, learn, resume, settings_of, source_of
from pellucid.recipe.watcher import Watcher

__all__ = ["Watcher", "check_resumable", "learn", "resume", "settings_of", "source_of"]
