"""Stacks that `perf script` prints, as a flame graph (Brendan Gregg: The Flame Graph, CACM 59(6), 2016): a frame's width
is its share of all samples, its callers stand below it."""

import html
import re

FRAME_HEIGHT = 17
WIDTH = 1400
LEFT = 10
TOP = 44
TEXT_WIDTH = 6.6  # of a character
LEAST_SHARE = 0.0015  # narrower frames are left out

_FRAME = re.compile(r"^\s+[0-9a-f]+ (.+?)(?:\+0x[0-9a-f]+)? \((.*)\)$")


def fold(text):
    """{(frame, frame, ...) from the outermost: samples}."""
    stacks = {}
    frames = []
    for line in text.splitlines() + [""]:
        match = _FRAME.match(line)
        if match:
            name, where = match.group(1), match.group(2)
            frames.append((name if name != "[unknown]" else "?", "kernel" in where))
        elif not line.strip() and frames:
            key = tuple(reversed(frames))
            stacks[key] = stacks.get(key, 0) + 1
            frames = []
    return stacks


class Node:
    def __init__(self):
        self.samples = 0
        self.children = {}


def tree_of(stacks):
    root = Node()
    for frames, samples in stacks.items():
        node = root
        node.samples += samples
        for frame in frames:
            node = node.children.setdefault(frame, Node())
            node.samples += samples
    return root


def _depth(node, total):
    wide = [child for child in node.children.values() if child.samples >= LEAST_SHARE * total]
    return 1 + max((_depth(child, total) for child in wide), default=0)


def _colour(name, is_kernel):
    """Of one library or layer alike: the kernel is blue, RocksDB brown, Gramme green, what is left grey."""
    spread = sum(name.encode()) % 40
    if is_kernel:
        return f"rgb({110 + spread},{150 + spread},{205 + spread % 20})"
    if "rocksdb" in name:
        return f"rgb({205 + spread % 20},{160 + spread},{100 + spread})"
    if re.match(r"^[a-z0-9_.]+$", name) and not name.startswith(("_", "je_", "uv_")):
        return f"rgb({120 + spread},{190 + spread % 40},{110 + spread})"
    return f"rgb({185 + spread % 30},{185 + spread % 30},{185 + spread % 30})"


def svg(stacks, title, note):
    root = tree_of(stacks)
    total = root.samples
    height = TOP + _depth(root, total) * FRAME_HEIGHT + 30
    shapes = []

    def draw(node, left, level):
        for (name, is_kernel), child in sorted(node.children.items()):
            width = child.samples / total * (WIDTH - 2 * LEFT)
            if child.samples >= LEAST_SHARE * total:
                y = height - 24 - (level + 1) * FRAME_HEIGHT
                share = 100 * child.samples / total
                shown = html.escape(name[:int(width / TEXT_WIDTH)]) if width > 3 * TEXT_WIDTH else ""
                shapes.append(f'<g><title>{html.escape(name)}, {share:.1f} %</title>'
                              f'<rect x="{left:.1f}" y="{y}" width="{width:.1f}" height="{FRAME_HEIGHT - 1}" '
                              f'fill="{_colour(name, is_kernel)}"/>'
                              f'<text x="{left + 2:.1f}" y="{y + 12}">{shown}</text></g>')
                draw(child, left, level + 1)
            left += width

    draw(root, LEFT, 0)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'font-family="monospace" font-size="11">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fcfcf8"/>',
        f'<text x="{LEFT}" y="18" font-size="14">{html.escape(title)}</text>',
        f'<text x="{LEFT}" y="34">{html.escape(note)}</text>', *shapes, "</svg>", ""])


def top_of(stacks, count=12):
    """The functions in which most samples were taken, with their shares."""
    own = {}
    for frames, samples in stacks.items():
        own[frames[-1][0]] = own.get(frames[-1][0], 0) + samples
    total = sum(own.values())
    return [(name, samples / total) for name, samples in sorted(own.items(), key=lambda item: -item[1])[:count]]


def share_of(stacks, predicate):
    """Of the samples that have such a frame anywhere."""
    total = sum(stacks.values())
    return sum(samples for frames, samples in stacks.items() if any(map(predicate, frames))) / total
