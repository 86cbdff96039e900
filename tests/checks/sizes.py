#!/usr/bin/env python3
"""Source files stay below 600 lines: past that a file has two subjects. Prints each offender and exits 1."""
import pathlib
import sys

LIMIT = 600

if __name__ == "__main__":
    root = pathlib.Path(__file__).resolve().parents[2]
    offenders = []
    for top in ["common", "msa", "mta", "mda", "imapd", "ctl", "tests", "proto", "deploy"]:
        for path in sorted((root / top).rglob("*")):
            if path.suffix in {".h", ".cpp", ".proto", ".py"} and "node_modules" not in path.parts:
                lines = len(path.read_text().splitlines())
                if lines > LIMIT:
                    offenders.append(f"{path.relative_to(root)}: {lines} lines, at most {LIMIT}")
    print("\n".join(offenders) if offenders else f"no file over {LIMIT} lines")
    sys.exit(1 if offenders else 0)
