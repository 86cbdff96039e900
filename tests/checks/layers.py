#!/usr/bin/env python3
"""Holds every #include against the order of dependency (docs/architecture.md, "Modules").

A folder may include itself and folders of a lower layer; the store may also use mime, and so on as in SAME_LAYER.
Outside libraries appear only where the table below admits them. Prints each offence and exits 1 if there is one.
"""
import pathlib
import re
import sys

LAYERS = [
    {"base"},
    {"log", "metrics", "config", "async", "crypto"},
    {"net"},
    {"tls", "dns", "mime", "sasl", "journal", "https", "oauth"},
    {"smtp", "directory", "spool", "store", "sts", "tlsrpt", "sieve"},
    {"relay", "sieve_site"},
    {"control"},
    {"service"},
]
AGENTS = {"msa", "mta", "mda", "imapd", "ctl"}
LIBRARIES = {
    r"uv\.h": {"async", "net"},
    r"openssl/.*": {"tls", "crypto"},
    r"ldns/.*": {"dns"},
    r"grpcpp/.*|grpc/.*|.*\.grpc\.pb\.h": {"control", "ctl"},
    r"sqlite3\.h": {"store", "directory"},
    r"libpq-fe\.h": {"store", "directory"},
    r"curl/.*": {"https"},
    r"zlib\.h": {"tlsrpt", "net"},
    r"crypt\.h": {"crypto"},
    r"argon2\.h": {"crypto"},
    r"re2/.*": {"sieve"},
    r"catch2/.*": set(),
}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def layer_of(folder):
    return next((i for i, layer in enumerate(LAYERS) if folder in layer), None)


def folder_of(path):
    parts = path.parts
    return parts[1] if parts[0] == "common" else parts[0]


def offence(folder, target):
    """Why `folder` may not include `target`, a path from the root; None if it may."""
    other = folder_of(pathlib.PurePosixPath(target))
    if other == folder:
        return None
    if other in AGENTS:
        return f"{other} is an agent; nobody includes it"
    if folder in AGENTS:
        return None
    if layer_of(other) is None:
        return f"common/{other} has no place in the order"
    # Folders of one layer below "smtp" do not know each other, save those that design names.
    if layer_of(other) > layer_of(folder) or (layer_of(other) == layer_of(folder) and (folder, other) not in SAME_LAYER):
        return f"common/{other} is not below common/{folder}"
    return None


SAME_LAYER = {("metrics", "log"), ("config", "log"), ("async", "log")}


def check(root):
    offences = []
    for top in ["common", *sorted(AGENTS)]:
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in {".h", ".cpp"}:
                continue
            relative = path.relative_to(root)
            folder = folder_of(relative)
            for number, line in enumerate(path.read_text().splitlines(), 1):
                found = INCLUDE.match(line)
                if not found:
                    continue
                quoted, target = found[1] == '"', found[2]
                why = None
                for pattern, allowed in LIBRARIES.items():
                    if re.fullmatch(pattern, target) and folder not in allowed:
                        why = f"{target} belongs to {', '.join(sorted(allowed)) or 'the tests'} only"
                if quoted and why is None and target.split("/")[0] in {"common", *AGENTS}:
                    why = offence(folder, target)
                if quoted and ".pb.h" not in target and not (root / target).exists():
                    why = f"{target} is not a path from the root"
                if why:
                    offences.append(f"{relative}:{number}: {why}")
    return offences


if __name__ == "__main__":
    found = check(pathlib.Path(__file__).resolve().parents[2])
    print("\n".join(found) if found else "every include keeps to the order")
    sys.exit(1 if found else 0)
