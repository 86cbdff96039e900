// A generic gRPC client: knows nothing of Quartet but what server reflection tells it. Standard input describes a call:
// {target, service, method, request}; without a service it lists them. TLS with ca, cert and key if they are given.
// Prints the services, or an array of the responses.
'use strict';
const grpc = require('@grpc/grpc-js');
const {GrpcReflection} = require('grpc-js-reflection-client');

async function main() {
  const job = JSON.parse(require('fs').readFileSync(0, 'utf8'));
  const credentials = job.ca ?
    grpc.credentials.createSsl(Buffer.from(job.ca), job.key && Buffer.from(job.key), job.cert && Buffer.from(job.cert)) :
    grpc.credentials.createInsecure();
  const reflection = new GrpcReflection(job.target, credentials);
  if (!job.service) {
    console.log(JSON.stringify(await reflection.listServices()));
    return;
  }
  const descriptor = await reflection.getDescriptorBySymbol(job.service);
  const root = descriptor.getPackageObject({keepCase: true, enums: String, longs: Number});
  const Service = job.service.split('.').reduce((place, name) => place[name], root);
  const client = new Service(job.target, credentials);
  const options = {deadline: Date.now() + 30000};
  const responses = [];
  if (Service.service[job.method].responseStream) {
    for await (const response of client[job.method](job.request, options)) responses.push(response);
  } else {
    responses.push(await new Promise((resolve, reject) => client[job.method](job.request, options,
      (error, response) => error ? reject(error) : resolve(response))));
  }
  console.log(JSON.stringify(responses));
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
