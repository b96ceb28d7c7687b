"""Recommendation: from what people rated or used to ratings of what they did not, and to lists.

With ratings the network learns how high a thing will be rated; without, or with the item named as
the target, what comes next. Lists are made by whoever makes the better ones on validation events.
"""

from __future__ import annotations

from torch import Tensor, nn

from pellucid.config import Plan, Settings
from pellucid.data.columns import RawTable
from pellucid.data.readers.ratings import find_layout
from pellucid.errors import ConfigError, PellucidError
from pellucid.learning.recipes import Recipe
from pellucid.recipe.watcher import Watcher
from pellucid.uses.recommend.answerer import Recommender
from pellucid.uses.recommend.log import read_log
from pellucid.uses.recommend.next_items import NextQuestion
from pellucid.uses.recommend.question import Question
from pellucid.uses.recommend.ratings import RatingQuestion
from pellucid.uses.recommend.roles import Roles, looks_like_events, roles_typed, understand
from pellucid.uses.use import Answerer, Course, Exam, Reading, Source, use


@use
class Recommend(Course):
    """Ratings and lists of things for people."""

    kind = "recommend"
    title = "recommendation"
    asked = "recommend RUN --user USER"
    metric = "RMSE"
    answerer = Recommender

    @classmethod
    def recognize(cls, source: Source) -> Reading | None:
        settings = source.settings
        if roles_typed(settings):
            return Reading(0.99, "--as names what only a recommendation has: user, item, rating")
        if settings.target is not None or settings.group or settings.order or settings.kinds:
            return None  # somebody who names columns asks a question about rows
        if source.path is not None:
            try:
                layout = find_layout(source.path)
            except (OSError, PellucidError):
                return None
            if layout is not None:
                return Reading(0.95, layout.why)
            if source.path.is_dir():
                return None
        table = source.table
        if not isinstance(table, RawTable) or table.target is not None:
            return None
        try:
            roles = understand(table, settings)
        except ConfigError:
            return None  # whoever takes the table says what is wrong with the settings
        if not isinstance(roles, Roles) or not looks_like_events(table, roles):
            return None
        return Reading(0.8, f"{roles.why}, and both come back again and again")

    def __init__(self, source: Source, settings: Settings, watcher: Watcher) -> None:
        log = read_log(source, settings)
        rated = log.rating is not None
        self.question: Question = RatingQuestion(log) if rated else NextQuestion(log)
        self.metric = self.question.metric
        self.objective = self.question.objective
        watcher.stage("encoding")
        self.examples = self.question.examples()

    def recipe(self) -> Recipe:
        return self.question.recipe()

    def build(self, plan: Plan) -> nn.Module:
        return self.question.build(plan)

    def word(self, group: str, number: int) -> str | None:
        return self.question.word(group, number)

    def score(self, output: Tensor) -> float:
        return self.question.score(output)

    def finish(self, model: nn.Module, seconds: float, watcher: Watcher) -> Answerer:
        return self.question.finish(model, seconds)

    def compete(self, seconds: float, watcher: Watcher) -> None:
        self.question.compete(seconds, watcher)

    def exam(self, answerer: Answerer, seconds: float, watcher: Watcher) -> Exam:
        assert isinstance(answerer, Recommender)
        return self.question.exam(answerer, seconds)
