"""All measurements: `python -m benchmarks [startup|studio|loop|memory|...|all]`.

Without a word, the tables are printed from the saved results, and `docs/benchmarks.md` is written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.measured import Disturbed

PARTS = ("startup", "studio", "loop", "memory", "quality", "evidence", "uses", "peers")
"""From quick to long."""


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    sets = [name for name in options.sets.split(",") if name]
    if sets and options.part not in ("quality", "memory", "evidence", "uses", "peers"):
        parser().error("--sets goes with quality, memory, evidence, uses or peers")
    try:
        for part in PARTS if options.part == "all" else (options.part,):
            measure(part, sets, options)
    except (Disturbed, KeyError, RuntimeError) as error:
        print(f"error: {error.args[0]}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what was measured so far is saved", file=sys.stderr)
        return 130
    from benchmarks import table

    print(table.write())
    return 0


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    found.add_argument("part", nargs="?", default="", choices=("", *PARTS, "all"))
    found.add_argument(
        "--sets", default="", help="names, with commas; not for loop, startup, studio"
    )
    found.add_argument("--seeds", type=int, default=3, help="for quality and peers")
    found.add_argument("--time", default="3m", help="for quality and peers: time of each run")
    found.add_argument("--fresh", action="store_true", help="measure again what is there already")
    found.add_argument(
        "--anyway", action="store_true", help="save speeds although other programs are busy"
    )
    return found


def measure(part: str, sets: list[str], options: argparse.Namespace) -> None:
    """Measure one part; only its own module is loaded, so that this process stays small."""
    if part == "loop":
        from benchmarks import loop

        loop.run(anyway=options.anyway)
    elif part == "startup":
        from benchmarks import startup

        startup.run(anyway=options.anyway)
    elif part == "studio":
        from benchmarks import studio

        studio.run(anyway=options.anyway)
    elif part == "memory":
        from benchmarks import memory

        memory.run(sets)
    elif part == "quality":
        from benchmarks import quality

        quality.run(sets, options.seeds, options.time, fresh=options.fresh)
    elif part == "evidence":
        from benchmarks import evidence

        evidence.run(sets)
    elif part == "uses":
        from benchmarks import uses

        uses.run(sets)
    elif part == "peers":
        from benchmarks import peers

        peers.run(sets, options.seeds, options.time)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
