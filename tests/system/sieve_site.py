"""Two sites, the second of which runs its users' Sieve scripts: for tests of these."""
import email
import email.policy
import os
import pathlib
import re
import smtplib

from harness import SitesTestCase, as_bytes
from sites import letter, loopback


def scripts_of(site, account):
    user, domain = account.address.split("@")
    return site.directory / "sieve" / domain / user


def install(site, account, text, name="main"):
    """Puts a script in place and makes it the one that runs, as an editor does it."""
    directory = scripts_of(site, account)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.sieve").write_text(text)
    link = directory / "active.new"
    link.symlink_to(f"{name}.sieve")
    os.replace(link, directory / "active")


def filtering(text):
    """An mda's MX hosts are at port 25, where no test listens: all goes to the other site."""
    network = re.search(r"127\.\d+\.\d+", text)[0]
    directory = pathlib.Path(re.search(r'store: "([^"]+)/store"', text)[1])
    (directory / "partners").write_text("# nobody yet\n")
    return text + (f'sieve {{ directory: "{directory}/sieve" global: "{directory}/sieve-global"\n'
                   '  spam { header: "X-Spam-Status" pattern: "score=(-?[0-9.]+)" worst: 10 }\n'
                   f'  list {{ name: "tag:b.example,2026:partners" file: "{directory}/partners" }}\n'
                   f'  list {{ name: ":addrbook:default" file: "{directory}/books/{{domain}}/{{user}}" }}\n'
                   '  virus { header: "X-Virus-Status" word { text: "Clean" value: 1 } word { text: "Infected" value: 5 } }\n'
                   '}\n'
                   f'forward_host {{ host: "{network}.1:{loopback.PORTS["mx"]}" }}\n')


class SieveTestCase(SitesTestCase):
    options = {"shared_spool": False, "overrides": {"b": {
        "mda": filtering,
        "directory": 'alias { address: "both@b.example" target: "reader@b.example" target: "second@b.example" }\n'
                     'alias { address: "round@b.example" target: "reader@b.example" }\n'}}}

    def setUp(self):
        self.b = self.pair.b
        self.user, self.second = self.b.users
        self.far = self.pair.a.users[0]

    def deliver(self, message, sender=None, recipients=None):
        """By LMTP to one recipient, whose reply after the message is the one that is read: {} or {recipient: reply}."""
        recipients = recipients or [self.user.address]
        with smtplib.LMTP(self.b.address, self.b.port("lmtp"), local_hostname="client.example") as client:
            try:
                return client.sendmail(self.far.address if sender is None else sender, recipients, as_bytes(message))
            except smtplib.SMTPDataError as refused:
                return {recipients[0]: (refused.smtp_code, refused.smtp_error)}

    def letter(self, subject="A letter", **fields):
        message = letter.write(self.far.address, self.user.address, subject)
        for name, value in fields.items():
            message[name.replace("_", "-")] = value
        return message

    def filed(self, script, message=None, mailbox="INBOX", account=None, **how):
        """The message as it is found in a mailbox after the script."""
        install(self.b, account or self.user, script)
        message = message or self.letter()
        self.assertEqual(self.deliver(message, **how), {})
        raw = self.wait_for_message(self.b, account or self.user, message["Message-ID"], mailbox=mailbox)
        return email.message_from_bytes(raw, policy=email.policy.default)

    def flags(self, message_id, mailbox="INBOX"):
        reader = self.reader(self.b, self.user, mailbox)
        number = reader.search(None, "HEADER", "Message-ID", f'"{message_id}"')[1][0].split()[0]
        return reader.fetch(number, "(FLAGS)")[1][0].decode()

    def copies(self, message_id, mailbox="INBOX"):
        reader = self.reader(self.b, self.user, mailbox)
        return len(reader.search(None, "HEADER", "Message-ID", f'"{message_id}"')[1][0].split())

    def is_in(self, message_id, mailbox="INBOX"):
        return self.copies(message_id, mailbox) > 0

    def subjects_at_a(self, text):
        """Messages in the far user's INBOX whose Subject contains `text`."""
        found = (email.message_from_bytes(raw, policy=email.policy.default)
                 for raw in self.fetch_all(self.pair.a, self.far))
        return [message for message in found if text in (message["Subject"] or "")]
