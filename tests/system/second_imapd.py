"""Another imapd of a site: on its host, with the same stores, or as on another one, where it shares a store in a database
and nothing else."""
from sites.process import Process

PORTS = {"imap": 10243, "imaps": 11093, "pop3": 10210, "pop3s": 11095, "imapd_metrics": 10184}


def start(site, binaries, elsewhere=True):
    """The Process, which whoever asked for it stops. `elsewhere`: as on another host; the site's mda and imapd are its peers
    then, which tell it of changes."""
    text = site.config_file("imapd").read_text()
    for service, port in PORTS.items():
        text = text.replace(f'"{site.endpoint(service)}"', f'"{site.address}:{port}"')
    text = text.replace("imapd.control", "imapd2.control")
    if elsewhere:
        peers = "".join(f' peer {{ name: "{agent}@{site.host_name}" address: "{site.endpoint(agent + "_control")}" }}'
                        for agent in ("mda", "imapd"))
        text = text.replace('/store"', '/store2"').replace('imapd2.control" }', f'imapd2.control"{peers} }}')
    site.config_file("imapd2").write_text(text)
    process = Process(f"imapd2@{site.domain}", [binaries / "imapd", "--config", site.config_file("imapd2")],
                      site.directory / "log" / "imapd2.log")
    process.start()
    process.wait_for_endpoints([f"{site.address}:{PORTS['imap']}"])
    return process
