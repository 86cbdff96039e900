#!/usr/bin/env python3
"""Writes docs/configuration.md from the comments in proto/quartet/config/v1, the only source of that page.

    docs/generate.py            writes it
    docs/generate.py --check    exits 1 if it is not what would be written
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "configuration.md"
FILES = ["msa", "mta", "mda", "imapd", "sendmail", "directory", "pipe", "srs", "login_limits", "oauth", "shared_mailboxes", "additional_store", "common"]

HEAD = """# Configuration

This page is made by `docs/generate.py` from the schema in `proto/quartet/config/v1`; change it there.

Each agent reads one file in protobuf text form, named by `--config`. `AGENT --config FILE --check` reads it, prints every
fault at `file:line:column`, and exits 2 if there is one. `${NAME}` stands for an environment variable,
`${NAME:-default}` for one with a default; a line `include: "other.txtpb"` stands for that file's text, its path relative to
the file that includes it. What is not written has its default. `deploy/quickstart` writes working examples below
`DIR/a/etc` and `DIR/b/etc`, `deploy/compose` has those of a chain of hosts.
"""


class Item:
    def __init__(self, kind, name, comment):
        self.kind, self.name, self.comment = kind, name, comment
        self.rows = []  # (name, type, comment) of fields; (name, "", comment) of values


def items_of(text):
    """(comment of the file, messages and enums in order); nested ones are named Outer.Inner."""
    items, stack, comment = [], [], []
    head = None
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("//"):
            comment.append(line[2:].strip())
            continue
        if head is None and line.startswith("syntax"):
            head, comment = " ".join(comment), []
            continue
        if opened := re.match(r"(message|enum|oneof) (\w+) \{", line):
            kind, name = opened.groups()
            if kind == "oneof":
                stack.append(("oneof", name, " ".join(comment)))
            else:
                full = ".".join([item.name for what, item, _ in stack if what == "item"][-1:] + [name])
                item = Item(kind, full, " ".join(comment))
                items.append(item)
                stack.append(("item", item, ""))
            comment = []
        elif line == "}":
            stack.pop()
            comment = []
        elif field := re.match(r"(optional |repeated )?([\w.]+) (\w+) = \d+(?: \[.*\])?;", line):
            repeated, kind, name = field.groups()
            choice = f"One of `{stack[-1][1]}`" + (f" ({stack[-1][2].rstrip('.')}). " if stack[-1][2] else ". ") \
                if stack[-1][0] == "oneof" else ""
            owner = next(item for what, item, _ in reversed(stack) if what == "item")
            owner.rows.append((name, kind + (", repeated" if repeated == "repeated " else ""),
                               choice + " ".join(comment)))
            comment = []
        elif value := re.match(r"(\w+) = \d+;", line):
            if not value[1].endswith("UNSPECIFIED"):
                stack[-1][1].rows.append((value[1], "", " ".join(comment)))
            comment = []
        elif not line:
            comment = []
    return head, items


def type_text(kind, known):
    base, _, more = kind.partition(",")
    name = next((name for name in known if name == base or name.endswith("." + base)), None)
    shown = f"[{base}](#{name.lower().replace('.', '')})" if name else base
    return shown + ("," + more if more else "")


def left_out():
    """Files of the schema that the page does not have; options.proto has no settings."""
    there = {path.stem for path in (ROOT / "proto/quartet/config/v1").glob("*.proto")}
    return sorted(there - set(FILES) - {"options"})


def page():
    parsed = [(name, *items_of((ROOT / f"proto/quartet/config/v1/{name}.proto").read_text())) for name in FILES]
    known = [item.name for _, _, items in parsed for item in items]
    out, missing = [HEAD], [f"{name}.proto is not on the page" for name in left_out()]
    for name, head, items in parsed:
        out.append(f"## {name}.proto\n\n{head}\n")
        for item in items:
            out.append(f"### {item.name}\n" + (f"\n{item.comment}\n" if item.comment else ""))
            if item.kind == "enum":
                out.append("\n".join(f"- `{value}`" + (f": {text}" if text else "") for value, _, text in item.rows) + "\n")
            elif item.rows:
                out.append("| field | type | meaning |\n|---|---|---|")
                for field, kind, text in item.rows:
                    kind = type_text(kind, known)
                    if not text and not kind.startswith("["):
                        missing.append(f"{name}.proto: {item.name}.{field} has no comment")
                    out.append(f"| `{field}` | {kind} | {text.replace('|', chr(92) + '|')} |")
                out.append("")
    return "\n".join(out).rstrip() + "\n", missing


def main():
    text, missing = page()
    if missing:
        sys.exit("\n".join(missing))
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        sys.exit("docs/configuration.md is not what docs/generate.py writes; run it")
    else:
        print("docs/configuration.md is what docs/generate.py writes")


if __name__ == "__main__":
    main()
