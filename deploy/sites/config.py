"""The configuration files of a site: protobuf text, as proto/quartet/config/v1 describes it."""


def _quote(text):
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _agent(site, name):
    return f"""agent {{
  hostname: {_quote(site.host_name)}
  control {{ socket: {_quote(site.directory / "run" / (name + ".control"))} }}
  metrics: {_quote(site.endpoint(name + "_metrics"))}
}}
"""


def _listener(site, service, implicit_tls=False, kind="listener"):
    more = " implicit_tls: true" if implicit_tls else ""
    return f"{kind} {{ address: {_quote(site.endpoint(service))}{more} }}\n"


def _tls(site):
    return f"tls {{ certificate: {_quote(site.certificate)} key: {_quote(site.key)} }}\n"


def _directory(site):
    return f"directory: {_quote(site.directory / 'etc' / 'directory.txtpb')}\n"


def _sending(site):
    return f"""sending {{
  dns {{ server: {_quote(site.name_server)} }}
  ca: {_quote(site.authority_file)}
}}
"""


def directory(site):
    """Who has mail here."""
    text = f"domain {{ name: {_quote(site.domain)} }}\n"
    for user in site.users:
        verifiers = "".join(f" scram_verifier: {_quote(verifier)}" for verifier in user.scram_verifiers())
        text += (f"account {{ login: {_quote(user.address)} password_hash: {_quote(user.password_hash())}"
                 f"{verifiers} }}\n")
    return text + f"alias {{ address: \"postmaster@{site.domain}\" target: {_quote(site.users[0].address)} }}\n"


def msa(site):
    text = (_agent(site, "msa") + _listener(site, "submission") + _listener(site, "submissions", implicit_tls=True)
            + _tls(site) + _directory(site))
    if site.shared_spool:
        return text + f"shared_spool: {_quote(site.directory / 'spool')}\n"
    # By a UNIX socket: on loopback every client has the same address, so no address could be trusted.
    return text + f"""smart_host {{ host: {_quote(site.endpoint("relay"))} }}
spool: {_quote(site.directory / "msa-spool")}
""" + _sending(site)


def mta(site):
    relay = "" if site.shared_spool else _listener(site, "relay") + "trusted: \"unix\"\n"
    return (_agent(site, "mta") + _listener(site, "mx") + relay + _tls(site) + _directory(site)
            + f"spool: {_quote(site.directory / 'spool')}\n"
            + f"local {{ protocol: LMTP host: {_quote(site.endpoint('lmtp'))} }}\n"
            + f"mx_port: {site.port('mx')}\n" + _sending(site))


def mda(site):
    return (_agent(site, "mda") + _listener(site, "lmtp") + _directory(site)
            + f"store: {_quote(site.directory / 'store')}\nspool: {_quote(site.directory / 'mda-spool')}\n"
            + _sending(site))


def imapd(site):
    return (_agent(site, "imapd") + _listener(site, "imap") + _listener(site, "imaps", implicit_tls=True)
            + _listener(site, "pop3", kind="pop3_listener")
            + _listener(site, "pop3s", implicit_tls=True, kind="pop3_listener") + _tls(site) + _directory(site) + f"store: {_quote(site.directory / 'store')}\n")


AGENTS = {"msa": msa, "mta": mta, "mda": mda, "imapd": imapd}

# What must be open before an agent counts as started.
SERVICES = {
    "msa": ("submission", "submissions", "msa_control"),
    "mta": ("mx", "mta_control"),
    "mda": ("lmtp", "mda_control"),
    "imapd": ("imap", "imaps", "pop3", "pop3s", "imapd_control"),
}
