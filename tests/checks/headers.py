#!/usr/bin/env python3
"""A header includes what it uses, so it compiles by itself. Usage: headers.py BUILD_DIR

A source that includes its own header first has proved that in the build, which came before this check; the other headers
are compiled alone, syntax only, with the compiler and flags from the build's compile_commands.json.
"""
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys


def flags_by_folder(build):
    """For each source folder the flags of one of its files, without input, output and dependency files."""
    flags = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        words = shlex.split(entry["command"])
        compiler = next(i for i, word in enumerate(words) if word.split("/")[-1].startswith("clang++"))
        kept, skip = [words[compiler]], False
        for word in words[compiler + 1:]:
            if skip:
                skip = False
            elif word in {"-o", "-c", "-MF", "-MT"}:
                skip = True
            elif word != "-MD" and not word.startswith("-fsanitize"):
                kept.append(word)
        flags.setdefault(pathlib.Path(entry["file"]).parent, kept)
    return flags


def compile_alone(header, flags):
    command = [*flags, "-fsyntax-only", "-Wno-pragma-once-outside-header", "-x", "c++", str(header)]
    done = subprocess.run(command, capture_output=True, text=True)
    return f"{header}:\n{done.stderr}" if done.returncode else None


def proved_by_build(root, header):
    """Whether the .cpp of the same name begins with this header, before any other include."""
    source = header.with_suffix(".cpp")
    if not source.exists():
        return False
    first = next((line for line in source.read_text().splitlines() if line.startswith("#include")), "")
    return first.strip() == f'#include "{header.relative_to(root)}"'


def main(build):
    root = pathlib.Path(__file__).resolve().parents[2]
    flags = flags_by_folder(build)
    proved, jobs = 0, []
    for top in ["common", "msa", "mta", "mda", "imapd", "ctl"]:
        for header in sorted((root / top).rglob("*.h")):
            if proved_by_build(root, header):
                proved += 1
            elif header.parent in flags:
                jobs.append((header, flags[header.parent]))
            else:
                print(f"{header.relative_to(root)}: no source beside it, not checked")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        failures = [text for text in pool.map(lambda job: compile_alone(*job), jobs) if text]
    print("\n".join(failures) if failures else f"{len(jobs)} headers compile alone, {proved} more did in the build")
    return 1 if failures or not jobs else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
