"""Just enough of C to look at source files line by line: no preprocessing, no types."""

import os
import re

LEXEME = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def walk_files(root, folders, suffixes):
    """Paths of the files under the folders with one of the suffixes, in a stable order."""
    for folder in folders:
        for directory, names, files in os.walk(os.path.join(root, folder)):
            names[:] = sorted(name for name in names if name not in ("node_modules", "corpus", "__pycache__"))
            for name in sorted(files):
                if name.endswith(tuple(suffixes)) or name in suffixes:
                    yield os.path.join(directory, name)


def read_text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def _blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def code_only(text):
    """The text with comments and the insides of literals made blank, lines where they were."""
    def replace(match):
        lexeme = match.group(0)
        if lexeme[0] in "\"'":
            return lexeme[0] + " " * (len(lexeme) - 2) + lexeme[0]
        return _blank(match)

    return LEXEME.sub(replace, text)


def includes(text):
    """(line, is_system, path) of each include."""
    # Comments go, literals stay: the path of an include is one.
    without_comments = LEXEME.sub(lambda m: _blank(m) if m.group(0)[0] == "/" else m.group(0), text)
    for match in INCLUDE.finditer(without_comments):
        yield line_of(text, match.start(2)), match.group(1) == "<", match.group(2)


def functions(text):
    """(first line, last line, name) of each function body, the signature included."""
    code = DIRECTIVE.sub(_blank, code_only(text))
    depth = 0
    start = 0
    body = None
    for match in re.finditer(r"[{};]", code):
        mark = match.group(0)
        if mark == "{":
            if depth == 0:
                head = code[start:match.start()]
                signature = re.match(r"\s*(?!.*=)[\w\s*]*?\b(\w+)\s*\(.*\)\s*$", head, re.DOTALL)
                body = (start + len(head) - len(head.lstrip()), signature.group(1)) if signature else None
            depth += 1
        elif mark == "}":
            depth -= 1
            if depth == 0:
                if body:
                    yield line_of(code, body[0]), line_of(code, match.start()), body[1]
                    body = None
                start = match.end()
        elif depth == 0:
            start = match.end()
