"""Counts what the checks of this folder find, and says it the way scripts/test reads it."""

import sys


class Report:
    def __init__(self, out=sys.stdout):
        self.passed = 0
        self.failed = 0
        self.out = out

    def check(self, name, problems):
        """One check, with the problems it found: strings that begin with file:line where there is one."""
        problems = list(problems)
        if problems:
            self.failed += 1
            print(f"FAIL {name}", file=self.out)
            for problem in problems:
                print(f"    {problem}", file=self.out)
        else:
            self.passed += 1
            print(f"ok   {name}", file=self.out)

    def finish(self):
        """The exit status, after the line that scripts/test looks for."""
        print(f"{self.passed} passed, {self.failed} failed", file=self.out)
        return 1 if self.failed or not self.passed else 0
