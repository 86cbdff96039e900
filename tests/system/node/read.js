// A session of imapflow: waits in IDLE for the message with the subject given, reads it, files it away.
'use strict';
const {ImapFlow} = require('imapflow');

async function main() {
  const job = JSON.parse(require('fs').readFileSync(0, 'utf8'));
  const client = new ImapFlow({
    host: job.host, port: job.port, secure: job.secure, doSTARTTLS: !job.secure, logger: false,
    auth: {user: job.user, pass: job.password}, tls: {ca: job.ca},
  });
  await client.connect();
  const report = {mailboxes: []};
  await client.mailboxOpen('INBOX');
  const existed = client.mailbox.exists;
  const arrived = new Promise((resolve) => client.on('exists', resolve));
  console.log('ready');
  if (existed === 0) await Promise.race([arrived, client.idle()]);
  const uids = await client.search({subject: job.subject}, {uid: true});
  const message = await client.fetchOne(String(uids[0]), {envelope: true, bodyStructure: true, flags: true, size: true},
    {uid: true});
  report.from = message.envelope.from[0].address;
  report.parts = message.bodyStructure.childNodes.map((part) => part.type);
  const attachment = await client.download(String(uids[0]), '2', {uid: true});
  const chunks = [];
  for await (const chunk of attachment.content) chunks.push(chunk);
  report.picture = Buffer.concat(chunks).toString('base64');
  await client.messageFlagsAdd(String(uids[0]), ['\\Flagged'], {uid: true});
  report.flags = [...(await client.fetchOne(String(uids[0]), {flags: true}, {uid: true})).flags];
  await client.mailboxCreate('Filed');
  await client.messageMove(String(uids[0]), 'Filed', {uid: true});
  await client.append('Filed', 'Subject: by append\r\n\r\nhello\r\n', ['\\Seen']);
  for (const box of await client.list()) report.mailboxes.push(box.path);
  report.filed = (await client.status('Filed', {messages: true})).messages;
  report.left = (await client.status('INBOX', {messages: true})).messages;
  await client.logout();
  console.log(JSON.stringify(report));
}

main().catch((error) => { console.error(error); process.exit(1); });
