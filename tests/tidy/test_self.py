#!/usr/bin/python3
"""Plants one violation of each rule in a small tree and sees it caught, and only it."""

import io
import os
import subprocess
import sys
import tempfile

import test_layers
import test_style
from report import Report

HEADER = "/* What it does. */\n#ifndef GRAMME_{0}_{0}_H\n#define GRAMME_{0}_{0}_H\n\nint {1}_next(int number);\n\n#endif\n"
SOURCE = '#include "{0}/{0}.h"\n\nint {0}_next(int number) {{\n    return number + 1;\n}}\n'


def write(root, path, text):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def plant_tree(root):
    for layer in test_layers.DEPENDS:
        folder = "sim" if layer == "sim" else f"src/{layer}"
        write(root, f"{folder}/{layer}.h", HEADER.format(layer.upper(), layer))
        write(root, f"{folder}/{layer}.c", SOURCE.format(layer))


def build_archives(root):
    os.makedirs(f"{root}/farm", exist_ok=True)
    os.makedirs(f"{root}/build/lib", exist_ok=True)
    for layer in test_layers.DEPENDS:
        if not os.path.islink(f"{root}/farm/{layer}"):
            os.symlink(test_layers.layer_folder(root, layer), f"{root}/farm/{layer}")
    for layer in test_layers.PURE:
        subprocess.run(["cc", "-O1", "-D_GNU_SOURCE", "-w", "-I", f"{root}/farm", "-c", f"{root}/src/{layer}/{layer}.c",
                        "-o", f"{root}/build/{layer}.c.o"], check=True)
        archive = test_layers.archive_path(f"{root}/build", layer)
        if os.path.exists(archive):
            os.unlink(archive)
        subprocess.run(["ar", "rc", archive, f"{root}/build/{layer}.c.o"], check=True)


def failures(root, with_archives):
    """The names of the checks that failed, and all that was said."""
    out = io.StringIO()
    report = Report(out)
    test_style.run(root, report)
    if with_archives:
        build_archives(root)
        test_layers.run(root, f"{root}/build", report)
    else:
        for layer in test_layers.DEPENDS:
            report.check(f"includes of {layer}", test_layers.include_problems(root, layer))
            report.check(f"headers of {layer} stand alone", test_layers.header_problems(root, layer))
    said = out.getvalue()
    return [line[5:] for line in said.splitlines() if line.startswith("FAIL ")], said


def long_function(lines):
    return "int core_long(void) {\n" + "    ;\n" * (lines - 3) + "    return 0;\n}\n"


# file, what is appended (or put first, after "^"), the check that must fail, what it must say
PLANTED = [
    ("src/core/core.c", '^#include "server/server.h"\n', "includes of core", "src/core/core.c:1: core may not use server"),
    ("src/ring/ring.c", '^#include "version/version.h"\n', "includes of ring", "src/ring/ring.c:1:"),
    ("sim/sim.c", '^#include "rocksdb/rocksdb.h"\n', "includes of sim", "sim/sim.c:1:"),
    ("src/wire/wire.c", '^#include "wire/../base/base.h"\n', "includes of wire", 'include by ".."'),
    ("src/core/core.c", "^#include <time.h>\n", "includes of core", "may not use <time.h>"),
    ("src/store/store.h", "struct lone { size_t bytes; };\n", "headers of store stand alone", "src/store/store.h:1:"),
    ("src/core/core.c", "#define _(x) x\nvoid *malloc(unsigned long);\nvoid *core_take(void);\n"
     "void *core_take(void) {\n    return malloc(8);\n}\n", "symbols of core", "core/core.c.o: uses malloc"),
    ("src/base/base.c", "long time(long *);\nlong base_now(void) {\n    return time(0);\n}\n", "symbols of base", "uses time"),
    ("src/ring/ring.c", "int ring_count;\n", "no writable data in ring", "writable data ring_count"),
    ("src/wire/wire.c", "int wire_bump(void) {\n    static int count;\n    return ++count;\n}\n",
     "no writable data in wire", "writable data count"),
    ("src/core/core.c", "\n" * 1000, "files under 1000 lines", "src/core/core.c:"),
    ("src/core/core.c", long_function(71), "functions of at most 70 lines", "src/core/core.c:6: core_long has 71 lines"),
    ("src/core/core.c", long_function(70), None, ""),
    ("src/cli/cli.c", "void cli_copy(char *to) {\n    strcpy(to, \"a\");\n}\n", "no banned calls", "src/cli/cli.c:7: strcpy"),
    ("src/cli/cli.c", "/* strcpy(a, b) is banned. */\nconst char *cli_text = \"atoi(x)\";\n", None, ""),
    ("src/cli/cli.c", "/* TO" "DO: later */\n", "nothing left unfinished", "src/cli/cli.c:6:"),
    ("src/cli/cli.c", "\tint tab;\n", "no tabs", "src/cli/cli.c:6:"),
    ("src/cli/cli.c", "int blank; \n", "no trailing blanks", "src/cli/cli.c:6:"),
    ("src/cli/cli.h", "^int first;\n", "headers open with their contract", "src/cli/cli.h:1:"),
    ("src/cli/more.h", "/* More. */\n#ifndef GRAMME_CLI_CLI_H\n#define GRAMME_CLI_CLI_H\n#endif\n",
     "include guards are named after their files", "GRAMME_CLI_MORE_H"),
    ("src/core/core.c", "static const char *const core_names[] = {\"a\", \"b\"};\nconst char *core_name(int i);\n"
     "const char *core_name(int i) {\n    return core_names[i];\n}\n", None, ""),
]


def plant(root, path, text):
    whole = os.path.join(root, path)
    before = open(whole, encoding="utf-8").read() if os.path.exists(whole) else ""
    write(root, path, text[1:] + before if text.startswith("^") else before + text)


def planted_mutant(root):
    """The programs of a build, one of them with the switch for planted bugs in it."""
    for program, switch in (("gramme", ""), ("gramme-sim", "int mutant_active;")):
        subprocess.run(["cc", "-xc", "-", "-o", f"{root}/{program}"], check=True, text=True,
                       input=f"{switch}\nint main(void) {{ return 0; }}\n")
    return list(test_layers.mutant_problems(root))


def main():
    report = Report()
    with tempfile.TemporaryDirectory() as root:
        found = planted_mutant(root)
        report.check("planted: a mutant in gramme-sim",
                     [] if found == [f"{root}/gramme-sim: built with GRAMME_MUTANTS"] else [f"found {found}"])
    for path, text, expected, message in PLANTED:
        with tempfile.TemporaryDirectory() as root:
            plant_tree(root)
            plant(root, path, text)
            needs_archives = expected is None or expected.startswith(("symbols", "no writable"))
            failed, said = failures(root, needs_archives)
        problems = []
        if failed != ([expected] if expected else []):
            problems.append(f"{path}: expected {expected} to fail, saw {failed}")
        if message not in said:
            problems.append(f"{path}: nothing said {message!r}:\n{said}")
        report.check(f"planted: {expected or 'nothing wrong'} ({path})", problems)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
