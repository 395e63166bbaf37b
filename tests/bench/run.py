"""The benchmarks: ratios measured in one run; all of them write build/bench.json."""

import argparse
import sys

import endurance
import live
import pipeline
import recorded
import renderer
from processes import ROOT
from results import show, write

LEAST_ROUNDS = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parts = ("renderer", "pipeline", "recorded", "endurance", "live")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--rounds", type=int, default=25, help="of interleaved measurements, at least 20")
    options = parser.parse_args()
    if options.rounds < LEAST_ROUNDS:
        parser.error(f"--rounds: at least {LEAST_ROUNDS}")
    results = []
    for part in options.only:
        print(f"-- {part}")
        if part == "renderer":
            results += renderer.run(options.rounds)
        elif part == "pipeline":
            results += pipeline.run(options.rounds)
        elif part == "recorded":
            results += recorded.run()
        elif part == "endurance":
            results += endurance.run()
        else:
            results += live.run(options.rounds)
    show(results)
    if set(options.only) == set(parts):
        write(results, ROOT / "build/bench.json")
    return 0 if all(result.ok for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
