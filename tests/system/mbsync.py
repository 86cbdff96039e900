"""mbsync between an account and a Maildir."""


def configure(home, site, account):
    """Its configuration, in a file: all mailboxes of the account and those below `home`/local are kept the same."""
    (home / "local").mkdir()
    path = home / "mbsyncrc"
    # mbsync 1.4 compares no IP addresses: it is given the server's own certificate to recognise.
    path.write_text(f"""
IMAPAccount quartet
Host {site.address}
Port {site.port("imap")}
User {account.address}
Pass {account.password}
SSLType STARTTLS
SystemCertificates no
CertificateFile {site.certificate}

IMAPStore far
Account quartet

MaildirStore near
Path {home}/local/
Inbox {home}/local/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
""")
    path.chmod(0o600)
    return path
