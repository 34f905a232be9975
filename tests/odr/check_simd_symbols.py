#!/usr/bin/env python3
"""Checks the objects that are compiled once per instruction set.

Their flags differ, so a symbol that two of them may both define, and that the linker therefore merges, must say in its name which
instruction set it was compiled for: the xsimd tag has to be among its template arguments. Otherwise the copy that survives may be one
that the running processor cannot execute.

    check_simd_symbols.py --isa avx2 unary.cpp.o gemm.cpp.o
    check_simd_symbols.py --isa avx2 --expect bad_helper bad.cpp.o     passes only if that symbol is reported
"""

import argparse
import pathlib
import re
import subprocess
import sys

ARCH_HEADER = pathlib.Path(__file__).resolve().parents[2] / "include" / "hone" / "simd" / "arch.hpp"

# W, V: weak functions and data; u: unique global (static locals of templates). Other capitals are strong definitions, which must carry
# the tag as well: without it the second instruction set would not link. U, w and v are undefined here.
DEFINED = re.compile(r"^\s*[0-9a-fA-F]*\s+([WVuTDBRGSC])\s+(.*)$")


def tags():
    """Name of each instruction set -> xsimd tag, from the list in arch.hpp."""
    found = dict(re.findall(r"IsaEntry<Isa::(\w+), (xsimd::\w+(?:<[\w:]+>)?)>", ARCH_HEADER.read_text()))
    if not found:
        sys.exit(f"{ARCH_HEADER}: no list of instruction sets found")
    return found


def carries(symbol, tag):
    """True if the tag is a template argument of the name: after a '<' or ', ' and before a ',' or '>'."""
    return re.search(r"(?:<|, )" + re.escape(tag) + r"(?=\s*[,>])", symbol) is not None


def violations(nm, path, tag):
    listing = subprocess.run([nm, "-C", path], check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        match = DEFINED.match(line)
        if match and not carries(match.group(2), tag):
            yield match.group(1), match.group(2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("objects", nargs="+")
    parser.add_argument("--isa", required=True, choices=sorted(tags()))
    parser.add_argument("--nm", default="nm")
    parser.add_argument("--expect", help="pass only if a symbol that contains this text is reported")
    arguments = parser.parse_args()

    tag = tags()[arguments.isa]
    bad = [(path, kind, symbol) for path in arguments.objects for kind, symbol in violations(arguments.nm, path, tag)]
    for path, kind, symbol in bad:
        print(f"{pathlib.Path(path).name}: {kind} {symbol}")
    if arguments.expect is not None:
        return 0 if any(arguments.expect in symbol for _, _, symbol in bad) else 1
    if bad:
        print(f"{len(bad)} symbols do not carry {tag}. Make them templates on Arch or HONE_ALWAYS_INLINE.")
        return 1
    print(f"{len(arguments.objects)} objects: every shared symbol carries {tag}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
