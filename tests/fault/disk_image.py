"""What a disk holds after a power failure, from a record of all changes (disk_record.c).

A file's changes since its last sync are each there or not, in parts too: every sector of 512 octets holds what one of
them, or the last sync, put there. Of a directory's changes since its last sync the first ones are there, as with a file
system that keeps a journal. What is synced is there. With `entries_too`, a file's sync takes along the entry that made it,
and what was done in that directory before: more than POSIX promises, yet ext4, XFS and btrfs do so, and PostgreSQL, which
never syncs a directory of tables, counts on it.
"""
import json
import os
import pathlib
import shutil
import struct

_HEAD = struct.Struct("<BQQQHHI")
_SECTOR = 512


class Record:
    def __init__(self, fields, path, other, data):
        self.operation, self.inode, self.first, self.second = chr(fields[0]), *fields[1:4]
        self.path, self.other, self.data = path, other, data


def append_fact(file, fact):
    """`file` is the open record; the fact comes after everything that was recorded before."""
    data = json.dumps(fact).encode()
    os.write(file, _HEAD.pack(ord("F"), 0, 0, 0, 0, 0, len(data)) + data)


def fact(record):
    return json.loads(record.data)


def read(path):
    """Record by record."""
    with open(path, "rb") as file:
        while head := file.read(_HEAD.size):
            fields = _HEAD.unpack(head)
            name, other = (os.path.normpath(file.read(size).decode()) for size in fields[4:6])
            yield Record(fields, name, other, file.read(fields[6]))


class _File:
    """The synced part is a file of ours, `durable`; what came later is `pending`."""

    def __init__(self, durable):
        self.durable = durable
        self.pending = []  # ("W", offset, data), ("T", size), ("A", size)

    def sync(self, count):
        with open(self.durable, "r+b") as out:
            for change in self.pending[:count]:
                _apply(out, change)
        del self.pending[:count]


def _apply(out, change):
    size = os.fstat(out.fileno()).st_size
    if change[0] == "W":
        out.seek(change[1])
        out.write(change[2])
        out.flush()
    elif change[0] == "T" or change[1] > size:
        out.truncate(change[1])


def _copy_sparse(source, target):
    """Holes stay holes: preallocated segments are large."""
    with open(source, "rb") as file, open(target, "wb") as out:
        size = os.fstat(file.fileno()).st_size
        out.truncate(size)
        at = 0
        while at < size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:  # ENXIO: only a hole is left
                break
            end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            while at < end:
                at += os.copy_file_range(file.fileno(), out.fileno(), end - at, at, at)


class Disk:
    """`root` as it was at first is synced; records are applied one by one."""

    def __init__(self, root, scratch, entries_too=False):
        self.root = os.path.normpath(root)
        self._entries_too = entries_too
        self.scratch = pathlib.Path(scratch)
        self.scratch.mkdir()
        self._made = 0
        self._files = {}        # inode -> _File
        self._live = {}         # path -> _File, or None for a directory: what processes see
        self._durable = {}      # the same, as synced
        self._changes = {}      # directory -> its changes since its last sync
        self._syncs = {}        # token -> how many changes it covers
        if os.path.isdir(root):
            self._load()

    def _load(self):
        self._live[self.root] = None
        for directory, names, files in os.walk(self.root):
            for name in names:
                self._live[os.path.join(directory, name)] = None
            for name in files:
                path = os.path.join(directory, name)
                if not name.endswith(("-shm", "-lock", ".sock")):
                    self._live[path] = file = self._new_file()
                    self._files[os.stat(path).st_ino] = file
                    _copy_sparse(path, file.durable)
        self._durable = dict(self._live)

    def _new_file(self):
        self._made += 1
        durable = self.scratch / str(self._made)
        durable.touch()
        return _File(durable)

    def apply(self, record):
        operation = record.operation
        if operation == "C":
            if record.path not in self._live:
                self._files[record.inode] = self._new_file()
                self._change(record.path, "add", self._files[record.inode])
        elif operation == "M":
            self._change(record.path, "add", None)
        elif operation == "U":
            self._change(record.path, "remove")
        elif operation == "L":
            self._change(record.other, "add", self._live[record.path])
        elif operation == "R":
            self._rename(record.path, record.other)
        elif operation in "sS":
            self._sync(record)
        elif operation != "F":
            change = {"W": ("W", record.first, record.data), "T": ("T", record.first), "A": ("A", record.first)}[operation]
            self._files[record.inode].pending.append(change)

    def _change(self, path, *what):
        self._note(self._live, path, what)
        self._changes.setdefault(os.path.dirname(path), []).append((path, what))

    @staticmethod
    def _note(names, path, what):
        if what[0] == "add":
            names[path] = what[1]
        elif what[0] == "remove":
            names.pop(path, None)
        else:
            names[what[1]] = names.pop(path, what[2])

    def _rename(self, source, target):
        if os.path.dirname(source) != os.path.dirname(target):
            raise NotImplementedError("a rename from one directory to another")
        self._change(source, "rename", target, self._live[source])

    def _sync(self, record):
        """The first half says how much the second one makes durable."""
        is_directory = record.path in self._live and self._live[record.path] is None
        token = (record.first, record.inode)
        pending = self._changes.get(record.path, []) if is_directory else self._files[record.inode].pending
        if record.operation == "s":
            self._syncs[token] = (len(pending), pending[-1] if pending else None)
            return
        count, last = self._syncs.pop(token)
        # Another sync may have taken some of them meanwhile.
        while count and (count > len(pending) or pending[count - 1] is not last):
            count -= 1
        if is_directory:
            self._sync_directory(pending, count)
            return
        self._files[record.inode].sync(count)
        if self._entries_too:
            entry = (record.path, ("add", self._files[record.inode]))
            changes = self._changes.get(os.path.dirname(record.path), [])
            self._sync_directory(changes, changes.index(entry) + 1 if entry in changes else 0)

    def _sync_directory(self, changes, count):
        for path, what in changes[:count]:
            self._note(self._durable, path, what)
        del changes[:count]

    def write_image(self, target, chance):
        """Makes `target`, a new directory, of the root after a power failure now. `chance`: random.Random."""
        names = dict(self._durable)
        for changes in self._changes.values():
            for path, what in changes[:chance.randint(0, len(changes))]:
                self._note(names, path, what)
        for path, file in sorted(names.items()):
            if any(str(parent) not in names for parent in pathlib.PurePath(path).parents if str(parent).startswith(self.root)):
                continue  # the directory it is in was never synced
            place = os.path.normpath(os.path.join(target, os.path.relpath(path, self.root)))
            if file is None:
                os.makedirs(place, exist_ok=True)
            else:
                self._write_file(file, place, chance)

    @staticmethod
    def _write_file(file, place, chance):
        _copy_sparse(file.durable, place)
        changes = file.pending
        if not changes:
            return
        way = chance.randrange(4)
        if way == 0:  # the first ones, the last of them torn
            changes = changes[:chance.randint(0, len(changes))]
            if changes and changes[-1][0] == "W":
                _, offset, data = changes[-1]
                changes = changes[:-1] + [("W", offset, data[:chance.randint(0, len(data))])]
        with open(place, "r+b") as out:
            if way < 2:  # or all
                for change in changes:
                    _apply(out, change)
            elif way == 2:  # whole ones, some of them missing
                for change in changes:
                    if chance.random() < 0.5:
                        _apply(out, change)
            else:
                _scatter(out, changes, chance)


def _scatter(out, changes, chance):
    """Each sector, and the size, as after another number of changes."""
    sizes, sectors = [os.fstat(out.fileno()).st_size], {}
    for number, change in enumerate(changes):
        if change[0] == "W":
            _, offset, data = change
            sizes.append(max(sizes[-1], offset + len(data)))
            for sector in range(offset // _SECTOR, (offset + len(data) - 1) // _SECTOR + 1):
                sectors.setdefault(sector, []).append(number)
        else:
            sizes.append(change[1] if change[0] == "T" else max(sizes[-1], change[1]))
    for sector, numbers in sectors.items():
        for number in numbers[:chance.randint(0, len(numbers))]:
            _, offset, data = changes[number]
            begin, end = max(offset, sector * _SECTOR), min(offset + len(data), (sector + 1) * _SECTOR)
            out.seek(begin)
            out.write(data[begin - offset:end - offset])
    out.flush()
    out.truncate(chance.choice(sizes))


def remove(path):
    shutil.rmtree(path, ignore_errors=True)
