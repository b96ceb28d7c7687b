"""Steps 4 and 5: what is asked of the network, and how wrong an answer is."""

from pellucid.tasks import classify, grades, regress, tags
from pellucid.tasks.task import TASKS, Objective, Task

__all__ = ["TASKS", "Objective", "Task", "classify", "grades", "regress", "tags", "task_from_json"]


def task_from_json(data: dict[str, object]) -> Task:
    """The task that `as_json` described."""
    return TASKS[str(data["kind"])].from_json(data)
