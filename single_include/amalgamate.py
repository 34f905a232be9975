#!/usr/bin/env python3
"""Writes single_include/hone/hone.hpp: the headers of include/hone in one file, in pure-header mode. Headers that need a library of others
stay files of their own beside it.

usage: amalgamate.py [--check]      with --check, writes nothing and fails when the file is not what it should be

Each `#include <hone/...>` is replaced by the file, where it stands, unless its text is already in force there. A file that was expanded
inside `#if X` is in force only where X holds, so each one brings its own include guard and is expanded again where that is not known.
HONE_COMPILED is 0, so what is inside `#if !HONE_COMPILED` counts as unconditional. Headers of others stay where they are first included.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "single_include"
ALWAYS = {"!HONE_COMPILED", "HONE_COMPILED == 0"}
INCLUDE = re.compile(r'\s*#\s*include\s*(<([^>]+)>|"([^"]+)")')
DIRECTIVE = re.compile(r"\s*#\s*(if|ifdef|ifndef|elif|else|endif)\b\s*(.*?)\s*(?://.*)?$")


class Amalgam:
    def __init__(self):
        self.lines = []
        self.in_force = {}  # name of a header -> the sets of conditions under which its text stands above

    def known(self, name, conditions):
        return any(earlier <= conditions for earlier in self.in_force.get(name, []))

    def expand(self, name, conditions):
        path = ROOT / "include" / name
        if not path.exists():
            sys.exit(f"amalgamate.py: {name} is included but does not exist")
        text = path.read_text()
        once = "#pragma once" in text
        if once:
            if self.known(name, conditions):
                return
            again = name in self.in_force
            self.in_force.setdefault(name, []).append(frozenset(conditions))
        guard = "HONE_SINGLE_" + re.sub(r"\W", "_", name.removeprefix("hone/")).upper()
        guarded = once and (conditions or again)
        if guarded:
            self.lines += [f"#ifndef {guard}", f"#define {guard}"]
        elif once:
            self.lines += [f"#define {guard}"]
        self.copy(text, name, conditions)
        if guarded:
            self.lines += [f"#endif  // {guard}"]

    def copy(self, text, name, conditions):
        stack = []  # one entry per open #if: the branches before this one, and the condition of this one
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip() == "#pragma once":
                continue
            directive = DIRECTIVE.match(line)
            if directive and not line.rstrip().endswith("\\"):
                kind, condition = directive.groups()
                if kind == "ifdef":
                    condition = f"defined({condition})"
                if kind == "ifndef":
                    condition = f"!defined({condition})"
                if kind in ("if", "ifdef", "ifndef"):
                    stack.append(([], condition))
                elif not stack:
                    sys.exit(f"amalgamate.py: {name}:{number}: #{kind} without #if")
                elif kind == "endif":
                    stack.pop()
                else:
                    earlier, last = stack.pop()
                    stack.append((earlier + [last], condition if kind == "elif" else None))
            include = INCLUDE.match(line)
            if not include:
                self.lines.append(line)
                continue
            here = set(conditions)
            for earlier, condition in stack:
                here |= {f"not ({before})" for before in earlier}
                if condition is not None and condition not in ALWAYS:
                    here.add(condition)
            included = include.group(2) or include.group(3)
            if include.group(3):
                sys.exit(f'amalgamate.py: {name}:{number}: write #include <hone/...> instead of "{included}"')
            if included.startswith("hone/"):
                self.expand(included, frozenset(here))
            elif not self.known(included, here):
                self.in_force.setdefault(included, []).append(frozenset(here))
                self.lines.append(f"#include <{included}>")
        if stack:
            sys.exit(f"amalgamate.py: {name} ends inside an #if")


def opt_in(name, in_single):
    """The header `name` on top of the single one, which has the headers `in_single`."""
    text = (ROOT / "include" / name).read_text()
    first, *rest = [include for include in re.findall(r"#include <(hone/.*)>\n", text) if include in in_single]
    text = text.replace(f"#include <{first}>\n", "#include <hone/hone.hpp>\n")
    for include in rest:
        text = text.replace(f"#include <{include}>\n", "")
    return text


def generate():
    """The text of each file, by its name."""
    amalgam = Amalgam()
    amalgam.lines = [
        "// Generated from include/hone by single_include/amalgamate.py: do not edit.",
        "#pragma once",
        "#if defined(HONE_COMPILED) && HONE_COMPILED",
        '#error "The single header has everything inline: use the headers of include/ with hone::compiled"',
        "#endif",
    ]
    amalgam.expand("hone/hone.hpp", frozenset())
    text = "\n".join(amalgam.lines) + "\n"
    files = {"hone/hone.hpp": re.sub(r"\n{3,}", "\n\n", text)}
    for path in sorted((ROOT / "include" / "hone" / "image").glob("*.hpp")):
        name = path.relative_to(ROOT / "include").as_posix()
        if name not in amalgam.in_force:
            files[name] = opt_in(name, amalgam.in_force)
    return files


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    for name, text in generate().items():
        path = OUTPUT / name
        if not sys.argv[1:]:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            sys.exit(f"single_include/{name} is not what include/ says; run: python3 single_include/amalgamate.py")


if __name__ == "__main__":
    main()
