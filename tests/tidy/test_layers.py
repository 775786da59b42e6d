#!/usr/bin/python3
"""Proves that dependencies point one way and that the pure layers are pure.

1. Includes: no layer includes one that it may not use, nothing includes by "..", and the pure layers see few system
   headers.
2. Headers stand alone: each compiles by itself with no more than its layer's includes.
3. Symbols: what the archive of a pure layer leaves undefined is defined in a layer below it or is on a short list.
4. State: the archives of the pure layers hold no writable data.
5. Mutants: the programs that are shipped know none of the bugs planted for the simulator's sake.

Usage: test_layers.py [--root FOLDER] [--build FOLDER]   (the build: build/release unless told)
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

from report import Report
from source import includes, read_text, walk_files

# Which layers a layer names; it may use these and all that they may use. The same edges stand in CMakeLists.txt.
DEPENDS = {
    "base": [],
    "ring": ["base"],
    "version": ["ring"],
    "wire": ["version"],
    "core": ["wire"],
    "store": ["core"],
    "rocksdb": ["store"],
    "server": ["store", "rocksdb"],
    "cli": ["server"],
    "sim": ["core", "store"],
}
PURE = ["base", "ring", "version", "wire", "core", "store"]

PURE_HEADERS = {"endian.h", "inttypes.h", "limits.h", "stdalign.h", "stdbool.h", "stddef.h", "stdint.h", "string.h"}
# What single layers or files may see beside those: memory, in the two layers that ask libc for it; the hash library; the
# compressor; the assertion's last words; the count on a snapshot of the ring, which threads share.
EXTRA_HEADERS = {
    "base": {"stdlib.h", "xxhash.h"},
    "ring": {"stdlib.h"},
    "base/ensure.c": {"unistd.h"},
    "base/compress.c": {"zstd.h"},
    "base/poison.h": {"sanitizer/asan_interface.h", "sanitizer/msan_interface.h"},
    "ring/ring.c": {"stdatomic.h"},
}
# The program around the simulations: many of them in processes of their own, and how long that took.
SIM_OUTSIDE = {"campaign.c"}
SIM_NEVER = re.compile(r"^(uv|rocksdb/.*|openssl/.*|pthread|time|sys/.*|netinet/.*)\.h$")

PURE_SYMBOLS = {"memcpy", "memmove", "memset", "memcmp", "bcmp", "strlen"}
MEMORY_SYMBOLS = {"malloc", "calloc", "realloc", "free", "aligned_alloc"}
STRING_SYMBOLS = {"memchr", "strchr", "strcmp", "strncmp", "strnlen", "strrchr"}
# From version upwards nothing asks libc for memory: base's pools and arenas do.
EXTRA_SYMBOLS = {
    "base": MEMORY_SYMBOLS | STRING_SYMBOLS,
    "ring": MEMORY_SYMBOLS | STRING_SYMBOLS | {"qsort"},
    "base/ensure.c": {"abort", "write"},
    "base/compress.c": {f"ZSTD_{name}" for name in ("createCCtx", "freeCCtx", "compressBound", "compressCCtx",
                                                    "createDCtx", "freeDCtx", "decompressDCtx", "isError")},
}
# Added by the compiler, not written by us.
COMPILER_SYMBOLS = re.compile(
    r"^(__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__u?(div|mod|divmod)ti[34]|__popcountdi2"
    r"|__(asan|ubsan|tsan|msan|sanitizer|gcov|sancov|llvm)_\w+)$")


def layers_below(layer):
    """All layers that this one may use, itself among them."""
    found = {layer}
    for name in DEPENDS[layer]:
        found |= layers_below(name)
    return found


def layer_folder(root, layer):
    return os.path.join(root, "sim") if layer == "sim" else os.path.join(root, "src", layer)


def layer_files(root, layer, suffixes=(".c", ".h")):
    return list(walk_files(layer_folder(root, layer), ["."], suffixes))


def extra(table, layer, path):
    return table.get(layer, set()) | table.get(f"{layer}/{os.path.basename(path)}", set())


def include_problems(root, layer):
    allowed = layers_below(layer)
    for path in layer_files(root, layer):
        where = os.path.relpath(path, root)
        for line, is_system, name in includes(read_text(path)):
            first = name.split("/")[0]
            if ".." in name.split("/"):
                yield f"{where}:{line}: include by \"..\": {name}"
            elif not is_system and "/" not in name:
                yield f"{where}:{line}: include without its layer: {name}"
            elif first in DEPENDS and not is_system and first not in allowed:
                yield f"{where}:{line}: {layer} may not use {first}: {name}"
            elif not is_system and first not in DEPENDS:
                yield f"{where}:{line}: no such layer: {name}"
            elif is_system and layer in PURE:
                if name not in PURE_HEADERS | extra(EXTRA_HEADERS, layer, path):
                    yield f"{where}:{line}: a pure layer may not use <{name}>"
            elif is_system and layer == "sim" and os.path.basename(path) in SIM_OUTSIDE:
                continue
            elif is_system and layer == "sim" and SIM_NEVER.match(name):
                yield f"{where}:{line}: the simulator may not use <{name}>"


def header_problems(root, layer):
    with tempfile.TemporaryDirectory() as farm:
        for name in layers_below(layer):
            os.symlink(os.path.abspath(layer_folder(root, name)), os.path.join(farm, name))
        for path in layer_files(root, layer, (".h",)):
            where = os.path.relpath(path, root)
            inside = os.path.relpath(path, layer_folder(root, layer))
            result = subprocess.run(
                ["cc", "-std=c17", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Werror", "-I", farm, "-xc", "-"],
                input=f'#include "{layer}/{inside}"\n', capture_output=True, text=True)
            if result.returncode != 0:
                errors = [line for line in result.stderr.splitlines() if "error:" in line]
                yield f"{where}:1: does not compile by itself: {errors[0] if errors else result.stderr}"


def archive_path(build, layer):
    return os.path.join(build, "lib", f"libgramme_{layer}.a")


def nm(build, layer, *options):
    """(object, symbol) pairs."""
    result = subprocess.run(["nm", "-A", "-g", *options, archive_path(build, layer)],
                            capture_output=True, text=True, check=True)
    for line in result.stdout.splitlines():
        place, _, symbol = line.rpartition(" ")
        match = re.match(r"^[^:]*:([^:]+):", place)
        if match:
            yield match.group(1), symbol


def symbol_problems(build, layer):
    if not os.path.exists(archive_path(build, layer)):
        yield f"{archive_path(build, layer)}: not built"
        return
    defined = set()
    for name in layers_below(layer):
        if os.path.exists(archive_path(build, name)):
            defined |= {symbol for _, symbol in nm(build, name, "--defined-only")}
    allowed = PURE_SYMBOLS | defined
    for member, symbol in sorted(set(nm(build, layer, "--undefined-only"))):
        if symbol in allowed or COMPILER_SYMBOLS.match(symbol):
            continue
        if symbol not in extra(EXTRA_SYMBOLS, layer, member.removesuffix(".o")):
            yield f"{layer}/{member}: uses {symbol}"


def state_problems(build, layer):
    if not os.path.exists(archive_path(build, layer)):
        yield f"{archive_path(build, layer)}: not built"
        return
    result = subprocess.run(["objdump", "-t", archive_path(build, layer)], capture_output=True, text=True, check=True)
    member = "?"
    for line in result.stdout.splitlines():
        opening = re.match(r"^(\S+):\s+file format", line)
        if opening:
            member = opening.group(1)
        # 0000000000000000 l     O .bss   0000000000000004 name
        entry = re.match(r"^[0-9a-f]+ .{6}O (\S+)\s+[0-9a-f]+\s+(?:\.hidden )?(\S+)$", line)
        if not entry or entry.group(1).startswith((".rodata", ".data.rel.ro")):
            continue
        # Sanitizers and gcov keep books of their own.
        if not entry.group(2).startswith("__"):
            yield f"{layer}/{member}: writable data {entry.group(2)} in {entry.group(1)}"


def mutant_problems(build):
    for program in ("gramme", "gramme-sim"):
        path = os.path.join(build, program)
        if not os.path.exists(path):
            yield f"{path}: not built"
            continue
        result = subprocess.run(["nm", path], capture_output=True, text=True, check=True)
        for line in result.stdout.splitlines():
            if line.split()[-1] == "mutant_active":
                yield f"{path}: built with GRAMME_MUTANTS"


def run(root, build, report):
    for layer in DEPENDS:
        report.check(f"includes of {layer}", include_problems(root, layer))
    for layer in DEPENDS:
        report.check(f"headers of {layer} stand alone", header_problems(root, layer))
    for layer in PURE:
        report.check(f"symbols of {layer}", symbol_problems(build, layer))
    for layer in PURE:
        report.check(f"no writable data in {layer}", state_problems(build, layer))


def run_programs(build, report):
    report.check("no mutants in what is shipped", mutant_problems(build))


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(here)))
    parser.add_argument("--build")
    options = parser.parse_args()
    report = Report()
    build = options.build or os.path.join(options.root, "build", "release")
    run(options.root, build, report)
    run_programs(build, report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
