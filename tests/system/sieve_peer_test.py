#!/usr/bin/env python3
"""The same scripts and messages by `quartetctl sieve` and by Dovecot's sieve-test: both do the same, or refuse both.

Left out, as Dovecot 2.3 differs from the RFCs or these leave it open: `string` compares by i;octet there unless told
otherwise (RFC 5228 section 2.7.3); `extracttext :first` counts octets (RFC 5703 section 7: characters); the zone of UTC in
iso8601 is "Z"; an unknown part of a date is no error.
"""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import BIN

SENDER, USER = "coyote@desert.example.org", "ann+sieve@b.example"

LETTER = """\
Received: from x by y; Tue, 24 Nov 2026 12:05:10 +0000
Received: from v by x; Tue, 24 Nov 2026 12:05:08 +0000
From: Wile E. Coyote <coyote@desert.example.org>
To: roadrunner@acme.example.com, Ann <ann+sieve@b.example>
Cc: Friends: one@c.example, "Two, too" <two@c.example>;
Subject: =?utf-8?q?I_have_a_present_for_you_=E2=98=BA?=
X-Number: 0015
X-Empty:
X-Original-To: root
X-List: one
X-List: two
X-List: three
Message-ID: <1@desert.example.org>
Date: Tue, 24 Nov 2026 13:05:09 +0200
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

the prologue
--outer
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

caf=E9 today
--outer
Content-Type: text/html

<p>Buy <b>cheap</b> things</p>
--outer
Content-Type: application/octet-stream; name="x.exe"
Content-Disposition: attachment; filename="x.exe"
Content-Transfer-Encoding: base64

TVqQ
--outer--
the epilogue
"""

ALL = ["fileinto", "reject", "envelope", "encoded-character", "copy", "subaddress", "relational",
       "comparator-i;ascii-numeric", "imap4flags", "variables", "mailbox", "date", "index", "body", "regex", "ihave",
       "environment", "mime", "foreverypart", "extracttext", "editheader", "enotify"]

TESTS = """
header :is "subject" "I have a present for you \u263a"
header :contains ["x-none", "subject"] ["nothing", "PRESENT"]
header :matches "subject" "*a*present*"
header :matches "subject" "? have*"
header :matches "subject" "I have"
header :is "x-empty" ""
header :contains "x-none" ""
header :is :comparator "i;octet" "x-list" "ONE"
header :is :comparator "i;ascii-numeric" "x-number" "15"
header :value "gt" :comparator "i;ascii-numeric" "x-number" "9"
header :value "lt" :comparator "i;ascii-numeric" "subject" "9"
header :count "eq" :comparator "i;ascii-numeric" "x-list" "3"
header :count "ge" :comparator "i;ascii-numeric" ["x-list", "from"] "5"
header :regex "subject" "a (present|gift) for"
header :regex "subject" "^present"
header :index 2 "x-list" "two"
header :index 1 :last "x-list" "three"
header :index 4 "x-list" "three"
header :index 2 ["subject", "x-list"] "one"
header :index 2 ["subject", "x-list"] "two"
header :index 1 :last ["x-list", "x-number"] "0015"
address :all "from" "coyote@desert.example.org"
address :domain "from" "DESERT.example.org"
address :localpart "to" "roadrunner"
address :is "cc" "two@c.example"
address :count "eq" :comparator "i;ascii-numeric" "cc" "2"
address :user "to" "ann"
address :detail "to" "sieve"
address :detail "from" ""
address :index 1 "to" "ann+sieve@b.example"
envelope "from" "coyote@desert.example.org"
envelope :domain "to" "b.example"
envelope :detail "to" "sieve"
exists ["from", "x-empty"]
exists ["from", "x-none"]
size :over 1K
size :under 10K
not false
allof(true, not true)
anyof(false, header :contains "from" "wile")
body :raw :contains "caf=E9"
body :raw :contains "the prologue"
body :content "text" :contains "caf\u00e9"
body :content "text/html" :contains "<b>cheap"
body :content "text/plain" :contains "cheap"
body :contains "cheap"
body :text :contains "the prologue"
body :content "application" :contains "MZ"
body :raw :regex "^the prologue"
body :raw :regex "^--outer"
body :raw :regex "the prologue.*--outer"
date :zone "+0000" "date" "hour" "11"
date :originalzone "date" "hour" "13"
date :zone "+0000" "received" "second" "10"
date :zone "+0000" :index 2 "received" "second" "08"
date :zone "+0100" "date" "iso8601" "2026-11-24T12:05:09+01:00"
date :zone "+0000" "date" "std11" "Tue, 24 Nov 2026 11:05:09 +0000"
date :zone "+0000" "date" "julian" "61368"
date :zone "+0000" "date" "weekday" "2"
date :zone "-0500" "date" "time" "06:05:09"
date "subject" "year" "2026"
currentdate :value "ge" "year" "2020"
string :is :comparator "i;ascii-casemap" "a" ["b", "A"]
string :matches "abcbd" "*b?*"
string :count "eq" :comparator "i;ascii-numeric" ["a", "", "b"] "2"
hasflag "x"
mailboxexists "INBOX"
environment :contains "name" ""
valid_notify_method "mailto:a@b.example"
valid_notify_method "tel:1"
header :mime :anychild :contenttype "content-type" "text/html"
header :mime :contenttype "content-type" "text/html"
header :mime :subtype "content-type" "mixed"
header :mime :anychild :param "filename" :matches "content-disposition" "*.exe"
exists :mime :anychild "content-disposition"
ihave "fileinto"
ihave "vnd.nothing"
header :contains :comparator "i;ascii-numeric" "subject" "1"
header "subject"
header :is :contains "subject" "a"
header :regex "subject" "("
header :comparator "i;nothing" "subject" "a"
address "subject" "a"
size 10
nothing "a"
header :copy "a" "b"
header ["subject:", "sub ject", ""] ""
exists "subject:"
header :matches "subject" "*you ?"
header :matches "subject" "*you ???"
header :regex "subject" "\\\\bpresent\\\\b"
header :regex "subject" "a\\\\s\\\\w+\\\\W"
address :localpart "x-original-to" "root"
address :domain "x-original-to" ""
(true)
not (true)
allof true
anyof(true)
envelope "none" "a"
""".strip().splitlines()

SCRIPTS = r"""
keep;
discard;
stop; discard;
fileinto "A"; fileinto "A"; fileinto "B";
fileinto :copy "A";
redirect "a@b.example"; redirect "A@b.example";
redirect :copy "a@b.example"; discard;
reject "No.";
keep; reject "No.";
reject "No."; keep;
setflag "\\Seen"; addflag ["$a", "$b"]; removeflag "$A"; keep;
setflag "$a"; fileinto :flags "$x $y" "A";
setflag "v" "$a"; addflag "v" "$b"; fileinto :flags "${v}" "A";
set "a" "x"; set :upper "b" "${a}${none}y"; fileinto "${b}";
set :length "n" "\u263a!"; fileinto "${n}";
set :quotewildcard "q" "a*b"; if string :matches "a*b" "${q}" { fileinto "yes"; }
set :lower :upperfirst "q" "hELLO"; fileinto "${q}";
set :encodeurl "q" "a b&"; fileinto "${q}";
if header :matches "subject" "*have*for*" { fileinto "${1}|${2}|${3}"; }
if address :matches "from" "*@*.example.*" { fileinto "${1}.${2}.${3}.${4}"; }
if header :regex "message-id" "<([0-9]+)@([^>]*)>" { fileinto "${1}.${2}"; }
if string :matches "aXbXXc" "a*X*c" { fileinto "[${1}][${2}]"; }
fileinto "${hex:41}${unicode:263A}${hex:}x";
if false { fileinto "A"; } elsif true { fileinto "B"; } else { fileinto "C"; }
if header :is "x-list" "one" { if true { stop; } } fileinto "A";
if not ihave "vnd.nothing" { keep; } else { quux "x"; }
foreverypart { if header :mime :type "content-type" "text" { extracttext :first 3 "t"; break; } } fileinto "p${t}";
set "n" ""; foreverypart { set "n" "${n}x"; } fileinto "${n}";
addheader "X-New" "y"; if header "x-new" "y" { fileinto "A"; }
deleteheader :index 2 "x-list"; if header :count "eq" :comparator "i;ascii-numeric" "x-list" "2" { fileinto "A"; }
deleteheader :contains "x-list" "o"; if header :is "x-list" "three" { fileinto "A"; }
if header :is "x-list" "one" { deleteheader "x-list"; } if not exists "x-list" { fileinto "A"; }
set "a" "none"; redirect "${a}";
error "stop here";
keep; fileinto "INBOX";
fileinto "INBOX"; keep;
setflag "a b"; if hasflag "b a" { fileinto "yes"; }
setflag "a b"; if hasflag :is "b c" { fileinto "yes"; }
setflag "a b"; if hasflag "" { fileinto "yes"; }
if ihave "vnd.nothing" { quux :x "y" { quux; } } else { fileinto "A"; }
fileinto "${unicode:200000 x}";
redirect "a b@c.example";
redirect "a@c.example.";
redirect "Ann <a@b.example>";
deleteheader "a b";
addheader "a b" "x";
if header :matches "x-list" "*" { fileinto "${0}|${1}|${2}"; }
if string :matches "abc" "?*?" { fileinto "${1}|${2}|${3}"; }
set :upper :lowerfirst :quotewildcard :length "n" "ab*"; fileinto "${n}";
foreverypart :name "a" { foreverypart { break :name "a"; } fileinto "no"; } fileinto "A";
keep
redirect "nobody";
fileinto ["a", "b"];
fileinto :create "A" "B";
break;
elsif true {}
require "fileinto";
set "1x" "y";
set :lower :upper "a" "b";
setflag;
keep; /* open
fileinto "open;
""".strip().splitlines()


class Peers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("sieve-test"):
            raise unittest.SkipTest("sieve-test is not there: deploy/install-deps test")
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="quartet-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        os.chmod(cls.directory, 0o777)  # as root it becomes the user below
        cls.script, cls.message = cls.directory / "test.sieve", cls.directory / "letter.eml"
        cls.message.write_text(LETTER)
        (cls.directory / "dovecot.conf").write_text(
            f"mail_location = maildir:{cls.directory}/mail\nbase_dir = {cls.directory}/run\n"
            + ("mail_uid = 8\nmail_gid = 8\n" if os.geteuid() == 0 else f"mail_uid = {os.geteuid()}\nmail_gid = {os.getegid()}\n")
            + "first_valid_uid = 1\nfirst_valid_gid = 1\n"
              "plugin {\n  sieve_extensions = +editheader +vacation-seconds\n  sieve_redirect_envelope_from = sender\n}\n")

    def peer(self):
        """What Dovecot does: a list of actions, or "error" for a script that it refuses."""
        (self.directory / "test.svbin").unlink(missing_ok=True)
        done = subprocess.run(["sieve-test", "-c", self.directory / "dovecot.conf", "-f", SENDER, "-a", USER, self.script,
                               self.message], capture_output=True, timeout=60)
        out = done.stdout.decode(errors="replace")
        errors = done.stderr.decode(errors="replace")
        if "resolved with successful implicit keep" in errors:
            return [["store", "INBOX"]]
        if "Performed actions:" not in out:
            self.assertIn("ompile", errors)
            return "error"
        actions = []
        for line in out.split("START MESSAGE")[0].splitlines():
            if found := re.match(r" \* store message in folder: (.*)", line):
                actions.append(["store", found[1]])
            elif found := re.match(r"\s+\+ add IMAP flags: (.*)", line):
                actions[-1] += sorted(found[1].lower().split())
            elif found := re.match(r" \* redirect message to: <(.*)>", line):
                actions.append(["redirect", found[1].lower()])
            elif found := re.match(r" \* reject message with reason: (.*)", line):
                actions.append(["reject", found[1]])
        return sorted(actions)

    def ours(self):
        done = subprocess.run([BIN / "quartetctl", "sieve", "test", "--from", SENDER, "--to", USER, self.script, self.message],
                              capture_output=True, timeout=60)
        if not done.stdout:
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(done.stderr.decode(), r"test\.sieve:\d+:\d+: ")
            return "error"
        actions = []
        for line in done.stdout.decode().splitlines():
            if found := re.match(r'(keep|fileinto(?: :create)? "(.*?)")(?: :flags "(.*)")?(?: \(header edited\))?$', line):
                flags = (found[3] or "").replace("\\\\", "\\").lower().split()
                actions.append(["store", found[2] or "INBOX"] + sorted(flags))
            elif found := re.match(r'(redirect|reject) "(.*)"$', line):
                actions.append([found[1], found[2].lower() if found[1] == "redirect" else found[2]])
            else:
                self.assertEqual(line, "discard")
        return sorted(actions)

    def compare(self, script):
        self.script.write_text(f"require [{', '.join(chr(34) + name + chr(34) for name in ALL)}];\n{script}\n")
        with self.subTest(script=script):
            self.assertEqual(self.ours(), self.peer())

    def test_tests(self):
        for test in TESTS:
            self.compare(f'if {test} {{ fileinto "true"; }} else {{ fileinto "false"; }}')

    def test_scripts(self):
        for script in SCRIPTS:
            self.compare(script.encode().decode("unicode_escape") if r"\u" in script else script)


class Check(unittest.TestCase):
    def test_faults_have_places(self):
        with tempfile.TemporaryDirectory(prefix="quartet-") as directory:
            good, bad = pathlib.Path(directory, "good"), pathlib.Path(directory, "bad")
            good.write_text("keep;\n")
            bad.write_text("keep;\n  quux;\nfileinto \"x\";\n")

            def check(*files):
                done = subprocess.run([BIN / "quartetctl", "sieve", "check", *files], capture_output=True, timeout=60)
                return done.returncode, done.stdout.decode(), done.stderr.decode()

            self.assertEqual(check(good), (0, "", ""))
            self.assertEqual(check(good, bad), (1, "", f"{bad}:2:3: unknown command \"quux\"\n"
                                                       f"{bad}:3:1: fileinto needs: require \"fileinto\"\n"))
            code, _, error = check(pathlib.Path(directory, "none"))
            self.assertEqual(code, 1)
            self.assertIn("No such file", error)
            code, _, error = check(directory)
            self.assertEqual((code, error), (1, f"quartetctl: {directory}: Is a directory\n"))


if __name__ == "__main__":
    unittest.main()
