// Submits what standard input describes by nodemailer; prints the reply.
'use strict';
const nodemailer = require('nodemailer');

async function main() {
  const job = JSON.parse(require('fs').readFileSync(0, 'utf8'));
  const transport = nodemailer.createTransport({
    host: job.host, port: job.port, secure: job.secure, requireTLS: true, name: 'client.example',
    auth: {user: job.user, pass: job.password}, tls: {ca: job.ca},
  });
  const sent = await transport.sendMail({
    from: job.user, to: job.to, subject: job.subject, text: job.text,
    attachments: [{filename: 'picture.png', content: Buffer.from(job.picture, 'base64')}],
  });
  transport.close();
  console.log(JSON.stringify({messageId: sent.messageId, response: sent.response, accepted: sent.accepted}));
}

main().catch((error) => { console.error(error); process.exit(1); });
