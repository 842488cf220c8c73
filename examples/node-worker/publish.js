// Publish a CloudEvent, which starts the workflows that it triggers: node publish.js TYPE JSON [ID]
import { randomUUID } from "node:crypto";

import { jetstream } from "@nats-io/jetstream";
import { connect, headers } from "@nats-io/transport-node";

const [type, data = "{}", id = randomUUID()] = process.argv.slice(2);
if (!type) {
  console.error("usage: node publish.js TYPE [JSON] [ID]");
  process.exit(2);
}
const source = "/node-publisher";
const namespace = process.env.HEADRACE_NAMESPACE ?? "default";
const attributes = {
  "ce-specversion": "1.0",
  "ce-id": id,
  "ce-source": source,
  "ce-type": type,
  "ce-time": new Date().toISOString(),
  "Content-Type": "application/json",
};

const nc = await connect({ servers: process.env.NATS_URL ?? "nats://127.0.0.1:4222" });
const stated = headers();
for (const [name, value] of Object.entries(attributes)) stated.set(name, value);
// An event is named by source and id: published twice, it counts once.
const subject = `hr.${namespace}.event.${type.replaceAll("%", "%25").replaceAll(" ", "%20")}`;
const { duplicate } = await jetstream(nc).publish(subject, data, { headers: stated, msgID: `${source} ${id}` });
console.log(duplicate ? `${id} had been published before` : `published ${id}`);
await nc.drain();
