"""Debian's Dovecot with mail in Maildirs, everything in one directory, for tests that hand mail over to it or take it."""
import os
import shutil
import socket

from sites.process import Process

PASSWORD = "pass-word"
OWNER = ("nobody", "nogroup")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Dovecot:
    """Serves mail/NAME/ to NAME with PASSWORD at 127.0.0.1:port, by STARTTLS. Only root can start it."""

    def __init__(self, directory, certificate, key, mechanisms="plain login scram-sha-256 scram-sha-1"):
        self.mail = directory / "mail"
        self.mail.mkdir(parents=True)
        shutil.chown(self.mail, *OWNER)
        (directory / "state").mkdir()
        self.port = free_port()
        (directory / "dovecot.conf").write_text(f"""base_dir = {directory}/run
state_dir = {directory}/state
log_path = {directory}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{certificate}
ssl_key = <{key}
auth_mechanisms = {mechanisms}
mail_location = maildir:{self.mail}/%n
first_valid_uid = 1
first_valid_gid = 1
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={OWNER[0]} gid={OWNER[1]} home={self.mail}/%n allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox "Sent Items" {{
    special_use = \\Sent
    auto = subscribe
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {self.port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
""")
        self.process = Process("dovecot", ["/usr/sbin/dovecot", "-F", "-c", directory / "dovecot.conf"],
                               directory / "out")
        self.process.start()
        self.process.wait_for_endpoints([f"127.0.0.1:{self.port}"])

    def give(self, path):
        """Makes it the owner of a Maildir."""
        for top, directories, files in os.walk(path):
            for name in [top, *(os.path.join(top, one) for one in [*directories, *files])]:
                shutil.chown(name, *OWNER)

    def stop(self):
        self.process.stop()
