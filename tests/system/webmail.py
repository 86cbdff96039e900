"""A person who uses Roundcube (skin Elastic) in a browser: what can be clicked on, under the names that the page gives it."""


class Webmail:
    def __init__(self, browser, url):
        self.browser, self.url = browser, url

    def log_in(self, account, server=None):
        """`server` is one of a list of IMAP servers, if the page offers one. A login before is forgotten."""
        browser = self.browser
        browser.forget_cookies()
        browser.open(self.url)
        browser.write("#rcmloginuser", account.address)
        browser.write("#rcmloginpwd", account.password)
        if server:
            browser.click(f"#rcmloginhost option[value='{server}']")
        browser.click("#rcmloginsubmit")
        self.wait_for_list("INBOX")

    def log_out(self):
        self.browser.click("#taskmenu a.logout")
        self.browser.one("#rcmloginuser")

    def open_mail(self, mailbox="INBOX"):
        """The list of a mailbox, from wherever we are."""
        self.browser.open(f"{self.url}?_task=mail&_mbox={mailbox}")
        self.wait_for_list(mailbox)

    def open_mailbox(self, mailbox):
        """By a click in the list of mailboxes."""
        self.browser.click(f"#mailboxlist a[rel='{mailbox}']")
        self.wait_for_list(mailbox)

    def wait_for_list(self, mailbox):
        self.browser.wait(lambda: self.browser.run("return rcmail.env.task == 'mail' && rcmail.env.mailbox") == mailbox,
                          f"the mailbox {mailbox}")
        self.wait_until_idle()

    def wait_until_idle(self):
        """Until the page waits for no answer of the server, and a menu has faded away: its button would not open it anew."""
        self.browser.wait(lambda: self.browser.run("""
            return document.readyState == 'complete' && !rcmail.busy && !window.jQuery.active
              && ![...document.querySelectorAll('.popover')].some(menu => menu.getClientRects().length)"""),
                          "the page to be idle")

    def refresh(self):
        self.browser.click("#messagelist-header a.refresh")
        self.wait_until_idle()

    def subjects(self):
        """As the list shows them, from above."""
        return [row["subject"] for row in self.rows()]

    def rows(self):
        """{"id", "subject", "classes"} of what the list shows."""
        return self.browser.run("""
            return [...document.querySelectorAll('#messagelist tbody tr.message')].filter(row => row.offsetParent)
              .map(row => ({id: row.id, classes: [...row.classList, ...row.querySelector('.msgicon').classList],
                            subject: row.querySelector('.subject a').innerText.trim()}))""")

    def row(self, subject):
        """The first with this subject, once it is in the list."""
        return self.browser.wait(lambda: next((row for row in self.rows() if row["subject"] == subject), None),
                                 f"{subject!r} in the list")

    def select(self, subject):
        """A click on it, which shows it at the side; until that has come, the buttons may still change."""
        row = self.row(subject)
        if "selected" not in row["classes"]:  # a second click would open it
            self.browser.click(f"#{row['id']} td.subject")
        with self.browser.inside("#messagecontframe"):
            self.browser.wait(lambda: subject in self.browser.text("h2.subject"), f"{subject!r} to be shown")
        self.wait_until_idle()

    def mark(self, subject, kind):
        """By the menu; `kind`: read, unread, flag, unflag."""
        self.select(subject)
        self.browser.click("#markmessagemenulink")
        self.browser.click(f"#markmessage-menu a.{kind}.active")
        self.wait_until_idle()

    def toggle_flag(self, subject):
        """By a click on the sign in the list."""
        self.browser.click(f"#{self.row(subject)['id']} span.flag")
        self.wait_until_idle()

    def search(self, words, *fields):
        """`fields`: subject, from, to, body, text, ... of the search options."""
        browser = self.browser
        if not browser.shown("#searchmenu"):
            browser.click(".searchbar a.options")
        for box in browser.all("#searchmenu input[name='s_mods[]']"):
            if box.property("checked") != (box.property("value") in fields):
                browser.run("arguments[0].click()", box)
        browser.write("#mailsearchform", words)
        browser.click("#searchmenu button.search")
        self.wait_until_idle()

    def end_search(self):
        self.browser.click(".searchbar a.reset")
        self.wait_until_idle()

    def list_options(self, sort, order, mode="list"):
        """`sort`: "" for the order of arrival, subject, date, ...; `order`: ASC, DESC; `mode`: list, threads."""
        browser = self.browser
        browser.click("#listmenulink")
        for name, value in (("sort_col", sort), ("sort_ord", order), ("mode", mode)):
            browser.click(f".ui-dialog select[name={name}] option[value='{value}']")
        browser.click(".ui-dialog button.mainaction")
        self.wait_until_idle()

    def expand_threads(self):
        self.browser.click("#messagelist-header a.threads:not(.disabled)")
        self.browser.click("#threadselect-menu a.expand.all.active")
        self.wait_until_idle()

    def create_mailbox(self, name):
        browser = self.browser
        browser.open(f"{self.url}?_task=settings&_action=folders")
        browser.click("#layout-content > .header a.create")
        with browser.inside("#preferences-frame"):
            browser.write("#_name", name)
            browser.click("button.submit")
        self.wait_for_message("Folder created successfully.")

    def drag_to(self, subject, mailbox):
        browser = self.browser
        browser.drag(browser.one(f"#{self.row(subject)['id']} td.subject"),
                     browser.one(f"#mailboxlist a[rel='{mailbox}']"))
        self.wait_until_idle()

    def move_to(self, subject, mailbox):
        """By the menu."""
        self.select(subject)
        self.browser.click("#messagemenulink")
        self.browser.click("#message-menu a.move.active")
        self.browser.click("#folder-selector a.active", mailbox)
        self.wait_until_idle()

    def delete(self, subject):
        self.select(subject)
        self.browser.click("#layout-content > .header a.delete:not(.disabled)")
        self.wait_until_idle()

    def compose(self):
        self.browser.click("#taskmenu a.compose")
        self.browser.one("#composebody")

    def reply(self, subject):
        self.select(subject)
        self.browser.click("#layout-content > .header a.reply:not(.disabled)")
        self.browser.one("#composebody")

    def go_on_with(self, subject):
        """A draft."""
        self.select(subject)
        with self.browser.inside("#messagecontframe"):
            self.browser.click("#message-objects button, #message-objects a", "Edit")
        self.browser.one("#composebody")

    def fill_in(self, text, recipient=None, subject=None, files=()):
        """What is given, in the form of a letter."""
        browser = self.browser
        self.wait_until_idle()
        if recipient:
            browser.one("#compose_to .recipient-input input").type(recipient + ",")  # the comma makes a box of it
        if subject:
            browser.write("#compose-subject", subject)
        browser.one("#composebody").type(text)
        for file in files:
            # A person's click on the button opens a window of the system, in which the name goes to this field.
            field = browser.wait(lambda: browser.all("#uploadform input[type=file]"), "the field for files")[0]
            field.type(str(file))
            browser.wait(lambda: any(file.name in item.text for item in browser.shown("#attachment-list li a.filename")),
                         f"{file.name} to be attached")

    def save_draft(self):
        self.browser.click("#layout-content > .header a.save")
        self.wait_for_message("Message saved to Drafts.")

    def send(self):
        self.browser.click("#compose-content button.send")
        self.wait_for_message("Message sent successfully.")

    def wait_for_message(self, text):
        self.browser.wait(lambda: any(text in box.text for box in self.browser.shown("#messagestack div")),
                          f"the message {text!r}")
