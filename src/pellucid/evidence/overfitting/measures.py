"""What was done against overfitting: everything in the plan that keeps a network from it."""

from __future__ import annotations

from pellucid.evidence.subject import Material


def measures_of(material: Material) -> list[tuple[str, str, str]]:
    """(measure, what was used, why) for everything in the plan that keeps a network from
    memorizing; also what was not used."""
    plan, run = material.plan, material.run
    kept = [str(event["message"]) for event in run.events if event["kind"] == "chosen"]
    chosen = kept[-1].removeprefix("kept ") if kept else "the last weights"
    which, _, reason = chosen.partition(": ")
    changes = sorted({change for names in plan.augment.values() for change in names})
    dropout = sorted({size.dropout for size in plan.sizes.values()})
    return [
        (
            "choice of weights",
            which,
            reason or "no others were clearly better on validation rows",
        ),
        (
            "averaging",
            f"over the last {plan.average:.0%} of the steps" if plan.average else "none",
            "a mean of noisy weights is steadier",
        ),
        (
            "bagging",
            f"{plan.folds} networks" if plan.folds > 1 else "none",
            plan.why.get("folds", ""),
        ),
        (
            "random changes",
            ", ".join(changes) or "none",
            plan.why.get("augment", "not tried: none for this data, or too few passes"),
        ),
        (
            "label smoothing",
            f"{plan.label_smoothing:g}" if plan.label_smoothing else "none",
            "it is not asked to be surer than it can be",
        ),
        (
            "dropout",
            ", ".join(f"{share:.0%}" for share in dropout if share) or "none",
            "no value may be relied on alone",
        ),
        (
            "weight decay",
            f"{plan.weight_decay:g}" if plan.weight_decay else "none",
            "weights that nothing needs shrink",
        ),
    ]
