"""The clients of node/ with their packages from npm, installed beside the programs under test."""
import fcntl
import pathlib
import shutil
import subprocess

import harness

SCRIPTS = pathlib.Path(__file__).parent / "node"
# Beside the programs under test, so that one installation serves every run of a build tree.
MODULES = harness.BIN.parent / "node"


def install():
    MODULES.mkdir(exist_ok=True)
    with open(MODULES / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = (SCRIPTS / "package.json").read_text()
        done = MODULES / "installed.json"
        if not done.exists() or done.read_text() != wanted:
            (MODULES / "package.json").write_text(wanted)
            subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"], cwd=MODULES, check=True,
                           stdout=subprocess.DEVNULL)
            done.write_text(wanted)
        for script in SCRIPTS.glob("*.js"):
            shutil.copy(script, MODULES)
