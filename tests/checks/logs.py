#!/usr/bin/env python3
"""Holds docs/logs.md against the code: each event that is logged, with its level and its fields, is in the page's table of
events and each field in its table of fields, and nothing is there that is gone. Prints each difference and exits 1.

    tests/checks/logs.py --list      # what the code logs, as lines for the table
"""
import pathlib
import re
import sys

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_PAGE = "docs/logs.md"
_FOLDERS = ["common", "msa", "mta", "mda", "imapd"]
_CALL = re.compile(r"\blog::(debug|info|warn|error|write)\(")
_LITERAL = re.compile(r'"([a-z_]+(?:\.[a-z_]+)?)"')
_FIELD = re.compile(r'\{\s*"([a-z_]+)",')
_INTAKE_AGENTS = ("msa", "mta")  # whose name stands before the events of common/service/intake
_ALWAYS = {"time", "level", "agent", "event"}


def end_of(text, start, closing=")"):
    """Index behind the bracket that closes what is open at `start`; brackets within strings do not count."""
    depth, at = 1, start
    while depth:
        character = text[at]
        if character == '"':
            at += 1
            while text[at] != '"':
                at += 2 if text[at] == "\\" else 1
        depth += (character in "({[") - (character in ")}]")
        at += 1
    return at


def names_of(expression, text):
    """The events that the first argument of a call can be."""
    if found := re.fullmatch(r'options_\.agent \+ "(\.[a-z_]+)"', expression):
        return [agent + found[1] for agent in _INTAKE_AGENTS]
    if found := _LITERAL.fullmatch(expression):
        return [found[1]]
    # A variable or a function of the file: every literal there that looks like an event.
    return sorted(set(re.findall(r'"((?:relay|mda)\.[a-z_]+)"', text)) - _literal_events(text))


def _literal_events(text):
    return {found[1] for found in re.finditer(r'\blog::\w+\(\s*"([a-z_.]+)"', text)}


def events_of_code():
    """{event: (levels, fields)}."""
    events = {"log.dropped": ({"warn"}, {"lines"})}  # which the log says of itself
    for folder in _FOLDERS:
        for path in sorted((_ROOT / folder).rglob("*.cpp")):
            text = path.read_text()
            for call in _CALL.finditer(text) if path.parent.name != "log" else ():
                body = text[call.end():end_of(text, call.end()) - 1]
                level, arguments = {call[1]}, body
                if call[1] == "write":
                    choice, _, arguments = body.partition(",")
                    level = {name.lower() for name in re.findall(r"Level::k(\w+)", choice)}
                for name in names_of(arguments.split(",")[0].strip(), text):
                    levels, fields = events.setdefault(name, (set(), set()))
                    levels |= level
                    fields |= set(_FIELD.findall(body))
    return events


def rows(page):
    """Cells of each line of the page's tables."""
    for line in page.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def words(cell):
    return re.findall(r"`([a-z_.]+)`", cell)


def differences(page, events):
    found = []
    documented, fields = {}, set()
    for cells in rows(page):
        if len(cells) == 4:
            documented.update({name: (set(cells[1].split(", ")), set(words(cells[3]))) for name in words(cells[0])})
        else:
            fields |= set(words(cells[0]))
    for name, (levels, used) in sorted(events.items()):
        if name not in documented:
            found.append(f"{name} is logged and not in {_PAGE}")
            continue
        if documented[name][0] != levels:
            found.append(f"{name} is logged as {', '.join(sorted(levels))}, documented otherwise")
        found += [f"{name} has the field {field}, which {_PAGE} does not say" for field in sorted(used - documented[name][1])]
        found += [f"{name} has no field {field}, whatever {_PAGE} says" for field in sorted(documented[name][1] - used)]
    found += [f"{name} is in {_PAGE} and nowhere logged" for name in sorted(set(documented) - set(events))]
    used = set().union(_ALWAYS, *(used for _, used in events.values()))
    found += [f"the field {field} is not explained in {_PAGE}" for field in sorted(used - fields)]
    found += [f"the field {field} is explained in {_PAGE} and used nowhere" for field in sorted(fields - used)]
    return found


def main():
    events = events_of_code()
    if sys.argv[1:] == ["--list"]:
        for name, (levels, fields) in sorted(events.items()):
            print(f"| `{name}` | {', '.join(sorted(levels))} | | {', '.join(f'`{field}`' for field in sorted(fields))} |")
        return 0
    found = differences((_ROOT / _PAGE).read_text(), events)
    print("\n".join(found) if found else f"{_PAGE} has all {len(events)} events")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
