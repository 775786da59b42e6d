#!/usr/bin/python3
"""Holds the source to the rules of CONTRIBUTING.md that a machine can check.

Usage: test_style.py [--root FOLDER]
"""

import argparse
import os
import re
import sys

from report import Report
from source import code_only, functions, line_of, read_text, walk_files

FOLDERS = ["src", "sim", "bench", "tests", "scripts", "cmake", ".ci"]
C_SUFFIXES = (".c", ".h")
TEXT_SUFFIXES = (".c", ".h", ".py", ".js", ".mjs", ".cmake", ".sh", "CMakeLists.txt", "test", "run", "fuzz")

FILE_LINES = 1000
FUNCTION_LINES = 70
BANNED = ["strcpy", "strcat", "sprintf", "vsprintf", "gets", "strtok", "atoi", "atol", "atof", "rand", "srand", "alloca"]
BANNED_CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
# Spelled in halves, or this file would be found.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")


def c_files(root):
    return walk_files(root, FOLDERS, C_SUFFIXES)


def text_files(root):
    return walk_files(root, FOLDERS, TEXT_SUFFIXES)


def long_files(root):
    for path in text_files(root):
        lines = read_text(path).count("\n")
        if lines >= FILE_LINES:
            yield f"{os.path.relpath(path, root)}:{lines}: {lines} lines, {FILE_LINES - 1} at most"


def long_functions(root):
    for path in c_files(root):
        for first, last, name in functions(read_text(path)):
            length = last - first + 1
            if length > FUNCTION_LINES:
                yield f"{os.path.relpath(path, root)}:{first}: {name} has {length} lines, {FUNCTION_LINES} at most"


def banned_calls(root):
    for path in c_files(root):
        code = code_only(read_text(path))
        for match in BANNED_CALL.finditer(code):
            yield f"{os.path.relpath(path, root)}:{line_of(code, match.start())}: {match.group(1)} is banned"


def found_in_lines(root, paths, pattern, message):
    for path in paths:
        for number, line in enumerate(read_text(path).split("\n"), 1):
            if pattern.search(line):
                yield f"{os.path.relpath(path, root)}:{number}: {message}"


def headers_without_contract(root):
    for path in walk_files(root, ["src", "sim"], (".h",)):
        if not read_text(path).lstrip().startswith("/*"):
            yield f"{os.path.relpath(path, root)}:1: a header opens with a comment that tells its contract"


def wrong_guards(root):
    """A guard copied from another header hides one of the two from whoever includes both."""
    for path in walk_files(root, ["src", "sim"], (".h",)):
        where = os.path.relpath(path, root)
        name = where[len("src/"):] if where.startswith("src/") else where
        guard = "GRAMME_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
        match = re.search(r"^#ifndef (\w+)\n#define (\w+)$", read_text(path), re.MULTILINE)
        if not match or match.group(1) != guard or match.group(2) != guard:
            yield f"{where}:1: its include guard should be {guard}"


def run(root, report):
    report.check(f"files under {FILE_LINES} lines", long_files(root))
    report.check(f"functions of at most {FUNCTION_LINES} lines", long_functions(root))
    report.check("no banned calls", banned_calls(root))
    report.check("nothing left unfinished", found_in_lines(root, text_files(root), UNFINISHED, "left unfinished"))
    report.check("no tabs", found_in_lines(root, text_files(root), re.compile("\t"), "a tab"))
    report.check("no trailing blanks", found_in_lines(root, text_files(root), re.compile(r"[ \t]$"), "trailing blank"))
    report.check("headers open with their contract", headers_without_contract(root))
    report.check("include guards are named after their files", wrong_guards(root))


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(here)))
    options = parser.parse_args()
    report = Report()
    run(options.root, report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
