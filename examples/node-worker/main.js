// Run the worker until SIGTERM or ctrl-C: node main.js
import { setTimeout as sleep } from "node:timers/promises";

import { Worker } from "./worker.js";

const tasks = {
  "shop.price": { parameters: ["sku"], run: async ({ sku }) => sku.length * 1.5 },
  "shop.total": { parameters: ["prices"], run: async ({ prices }) => prices.reduce((sum, price) => sum + price, 0) },

  // What `headrace conformance worker` calls.
  "conformance.echo": { parameters: ["value"], run: async ({ value }) => value },
  "conformance.fail": {
    parameters: ["message"],
    run: async ({ message }) => {
      throw new Error(message);
    },
  },
  "conformance.sleep": {
    parameters: ["seconds"],
    run: async ({ seconds }, { signal }) => {
      await sleep(seconds * 1_000, null, { signal });
    },
  },
};

const env = process.env;
const worker = new Worker({
  servers: env.NATS_URL ?? "nats://127.0.0.1:4222",
  namespace: env.HEADRACE_NAMESPACE ?? "default",
  queue: env.HEADRACE_QUEUE ?? "node",
  graceS: Number(env.HEADRACE_GRACE ?? 30),
  tasks,
});
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => worker.stop());
await worker.run();
process.exit(0);
