"""Debian's Roundcube in PHP's own web server, with all its state in one directory, for a browser of ours to use."""
import os
import pathlib
import shutil
import sqlite3

from sites.process import Process

_PROGRAM = pathlib.Path("/var/lib/roundcube")
_SETTINGS = pathlib.Path("/etc/roundcube")  # where the package has the defaults of all settings


def why_not():
    """The reason why no Roundcube can run here, or None."""
    if not (_PROGRAM / "index.php").exists() or not shutil.which("php"):
        return "Roundcube is not installed; deploy/install-deps test installs it"
    return None


class Roundcube:
    """At `endpoint`; `imap` and `smtp` are URLs as it takes them, tls:// for STARTTLS and ssl:// for TLS from the first byte,
    `authority` is the file of who signed their certificates. `log` holds what went wrong, if anything; imap.log and
    smtp.log beside it hold the dialogues.
    """

    def __init__(self, directory, endpoint, imap, smtp, authority):
        self.directory = pathlib.Path(directory)
        self.url = f"http://{endpoint}/"
        self.endpoint = endpoint
        self.log = self.directory / "logs" / "errors.log"
        for name in ("etc", "logs", "temp"):
            (self.directory / name).mkdir(parents=True)
        for name in ("defaults.inc.php", "mimetypes.php"):
            (self.directory / "etc" / name).symlink_to(_SETTINGS / name)
        with sqlite3.connect(self.directory / "database") as database:
            database.executescript((_PROGRAM / "SQL" / "sqlite.initial.sql").read_text())
        database.close()
        tls = f"['ssl' => ['cafile' => '{authority}', 'verify_peer' => true, 'verify_peer_name' => true]]"
        imap = ", ".join(f"'{url}'" for url in imap)
        (self.directory / "etc" / "config.inc.php").write_text(f"""<?php
$config['db_dsnw'] = 'sqlite:///{self.directory}/database?mode=0600';
$config['log_dir'] = '{self.directory}/logs';
$config['temp_dir'] = '{self.directory}/temp';
$config['des_key'] = '{os.urandom(12).hex()}';
$config['imap_host'] = [{imap}];
$config['imap_conn_options'] = {tls};
$config['imap_debug'] = true;
// What it remembers of mailboxes is kept up to date by QRESYNC.
$config['imap_cache'] = 'db';
$config['messages_cache'] = 'db';
$config['smtp_host'] = '{smtp}';
$config['smtp_conn_options'] = {tls};
$config['smtp_debug'] = true;
$config['create_default_folders'] = true;
$config['language'] = 'en_US';
""")
        # One process for one browser. Its own answer to a fault in PHP would be a page; ours is a line of `log`.
        self._process = Process("roundcube", ["php", "-d", "log_errors=1", "-d", "display_errors=0", "-d",
                                              f"error_log={self.log}", "-d", f"sys_temp_dir={self.directory}/temp",
                                              "-S", endpoint, "-t", _PROGRAM],
                                self.directory / "logs" / "php.log",
                                {"ROUNDCUBE_CONFIG_DIR": str(self.directory / "etc")})

    def start(self):
        self._process.start()
        self._process.wait_for_endpoints([self.endpoint])
        return self

    def stop(self):
        self._process.stop()

    def faults(self):
        """What is in `log`, but for PHP's opinion on the style of Debian's libraries."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(line for line in lines if "PHP Deprecated:" not in line)
