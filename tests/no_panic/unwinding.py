#!/usr/bin/env python3
"""Prints the functions in object files that can panic, with what they call to do so.

    unwinding.py FILE...

Such a function calls one of `core`'s that panic, or one of the standard library that
does and was not inlined. Running out of memory does not count.
"""

import re
import subprocess
import sys

PANICS = re.compile(
    r"core::(panicking::panic|(option|result)::\w+_failed|slice::index::\w*fail|str::slice_error_fail"
    r"|cell::panic_)|_mismatch_fail$|::panic_on_|::panic_for_"
)
LIBRARY = re.compile(r"<?(core|alloc|std)::")


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


# By function, those that it refers to; of one in the same file, the section is named.
refers = {}
for line in run("objdump", "-dr", "--no-show-raw-insn", *sys.argv[1:]).splitlines():
    if begins := re.match(r"[0-9a-f]+ <(.*)>:$", line):
        targets = refers.setdefault(begins[1], set())
    elif target := re.search(r"\bR_\w+\s+(?:\.text\.(?:unlikely\.|hot\.)?)?(\w[\w.$]*)", line):
        targets.add(target[1])

symbols = sorted(refers.keys() | set().union(*refers.values()))
plain = run("c++filt", input="\n".join(symbols)).splitlines()
hashes = re.compile(r"::h[0-9a-f]{16}$|\[[0-9a-f]+\]")
name = {s: hashes.sub("", p) for s, p in zip(symbols, plain, strict=True)}

panics = {s for s in symbols if PANICS.search(name[s])}
if not panics:
    sys.exit("nothing here can panic: is this x86-64 or AArch64 code of rustc?")
while more := {
    s for s in refers.keys() - panics if LIBRARY.match(name[s]) and refers[s] & panics
}:
    panics |= more
found = ((s, t) for s in refers.keys() - panics for t in refers[s] & panics)
print(*sorted({f"{name[s]} -> {name[t]}" for s, t in found}), sep="\n")
