#!/usr/bin/python3
"""docs/commands.md is what the program says of its commands.

Usage: test_docs.py [--build FOLDER]   (build/release unless told)
"""

import argparse
import os
import subprocess
import sys

from report import Report
from source import read_text

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    build = parser.parse_args().build
    report = Report()
    said = subprocess.run([os.path.join(build, "gramme"), "commands"], capture_output=True, text=True, check=True).stdout
    kept = read_text(os.path.join(ROOT, "docs", "commands.md"))
    differs = [(now, then) for now, then in zip(said.splitlines(), kept.splitlines()) if now != then]
    report.check("docs/commands.md is what `gramme commands` says", [] if said == kept else [
        f"docs/commands.md: run 'make docs'; first line that differs: {differs[0] if differs else 'its end'}"])
    rows = [line.split(" | ") for line in said.splitlines() if line.startswith("| `")]
    report.check("each row has its columns", [f"docs/commands.md: {row}" for row in rows if len(row) not in (2, 4)] +
                 (["docs/commands.md: hardly any rows"] if len(rows) < 80 else []))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
