#!/usr/bin/python3
"""Runs the placement benchmark in short and checks the shape of its tables and of its figure.

Usage: check_placement.py PROGRAM
"""

import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

SVG = "{http://www.w3.org/2000/svg}"
CELL = re.compile(r"^\d+(\.\d+)?$")
MOVED = re.compile(r"^\d+\.\d\d \(\d+\.\d\d to \d+\.\d\d\)$")
STRATEGY = re.compile(r"^(1|2): T = \d+$|^3: Q = \d+$")
COLUMNS = 9
TABLES = 3
LINES_OF_PANELS = 3 + 6 + 6 + 4


def run(program, svg):
    result = subprocess.run([program, "--quick", "--svg", svg], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stderr == "", result.stderr
    with open(svg, encoding="ascii") as file:
        return result.stdout, file.read()


def check_row(cells):
    nodes, strategy, *figures, join, leave = cells
    assert nodes.isdigit() and STRATEGY.match(strategy), cells
    assert all(CELL.match(figure) for figure in figures), cells
    efficiencies = [float(figure) for figure in figures[:-1]]
    assert all(0 < efficiency <= 1 for efficiency in efficiencies), cells
    assert efficiencies[1] <= efficiencies[0], cells
    assert int(figures[-1]) > 0, cells
    assert MOVED.match(join), cells
    assert MOVED.match(leave) or (leave == "" and nodes == "3"), cells


def check_tables(text):
    tables = 0
    rows = 0
    for line in text.splitlines():
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in line.strip("|\n").split("|")]
        assert len(cells) == COLUMNS, line
        if cells[0] == "nodes":
            tables += 1
        elif not cells[0].startswith("---"):
            check_row(cells)
            rows += 1
    assert tables == TABLES, tables
    assert rows > 20, rows


def check_figure(text):
    root = xml.etree.ElementTree.fromstring(text)
    assert root.tag == SVG + "svg", root.tag
    lines = list(root.iter(SVG + "polyline"))
    assert len(lines) == LINES_OF_PANELS, len(lines)
    _, _, width, height = (float(value) for value in root.get("viewBox").split())
    for line in lines:
        for point in line.get("points").split():
            x, y = (float(value) for value in point.split(","))
            assert 0 <= x <= width and 0 <= y <= height, point
    assert "nan" not in text and "inf" not in text


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        text, figure = run(program, os.path.join(folder, "a.svg"))
        check_tables(text)
        check_figure(figure)
        wrong = subprocess.run([program, "--nonsense"], capture_output=True, text=True)
        assert wrong.returncode == 2 and "usage" in wrong.stderr, wrong
        nowhere = subprocess.run([program, "--quick", "--svg", os.path.join(folder, "no", "c.svg")],
                                 capture_output=True, text=True)
        assert nowhere.returncode == 1 and "c.svg" in nowhere.stderr, nowhere
        assert nowhere.stdout == text, "another run, other figures"


if __name__ == "__main__":
    main()
