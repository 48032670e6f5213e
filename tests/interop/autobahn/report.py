#!/usr/bin/env python3
"""Judges a report of the Autobahn|Testsuite.

    report.py INDEX.json --expect NUMBER [--allow-unimplemented]

Every case must be OK or INFORMATIONAL, in its behavior and in how it closed: NON-STRICT is a
failure. With --allow-unimplemented, UNIMPLEMENTED passes in 12.* and 13.*, the compression cases.
A report must have exactly the expected number of cases: the suite leaves out what it could not
run, and does not call that a failure.

Exit: 0 all passed, 1 something failed.
"""

import argparse
import collections
import json
import sys

ALL_CASES = 517
GOOD = ("OK", "INFORMATIONAL")


class Report:
    """The verdicts of one agent, and which of them are failures."""

    def __init__(self, cases, allow_unimplemented=False):
        self.cases = {
            name: (case["behavior"], case["behaviorClose"]) for name, case in cases.items()
        }
        self.allow_unimplemented = allow_unimplemented

    @classmethod
    def load(cls, path, **options):
        with open(path) as file:
            agents = json.load(file)
        # Without a peer to test, the suite writes a report of nobody.
        cases = next(iter(agents.values()), {})
        return cls(cases, **options)

    def tolerated(self, name):
        compression = name.split(".")[0] in ("12", "13")
        return (
            self.allow_unimplemented
            and compression
            and self.cases[name][0] == "UNIMPLEMENTED"
            and self.cases[name][1] in GOOD + ("UNIMPLEMENTED",)
        )

    def passed(self, name):
        return all(verdict in GOOD for verdict in self.cases[name])

    def failures(self):
        names = (n for n in self.cases if not self.passed(n) and not self.tolerated(n))
        return sorted(names, key=lambda name: [int(part) for part in name.split(".")])

    def counts(self):
        """Numbers of passed, failed and tolerated cases."""
        failed = len(self.failures())
        tolerated = sum(1 for name in self.cases if self.tolerated(name))
        return len(self.cases) - failed - tolerated, failed, tolerated

    def verdict(self, name):
        behavior, close = self.cases[name]
        return behavior if close in GOOD else f"{behavior}, closing {close}"

    def summary(self):
        verdicts = collections.Counter(behavior for behavior, _ in self.cases.values())
        told = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
        return f"{len(self.cases)} cases: {told}" if told else "no case"

    def merge(self, other):
        self.cases.update(other.cases)


def main():
    parser = argparse.ArgumentParser(description="Judges a report of the Autobahn|Testsuite.")
    parser.add_argument("index", help="the index.json that the suite wrote")
    parser.add_argument("--expect", type=int, default=ALL_CASES, metavar="NUMBER")
    parser.add_argument("--allow-unimplemented", action="store_true")
    options = parser.parse_args()

    report = Report.load(options.index, allow_unimplemented=options.allow_unimplemented)
    print(report.summary())
    for name in report.failures():
        print(f"{name}: {report.verdict(name)}")
    short = len(report.cases) != options.expect
    if short:
        print(f"expected {options.expect} cases")
    sys.exit(bool(report.failures()) or short)


if __name__ == "__main__":
    main()
