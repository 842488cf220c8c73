// A Headrace worker. The numbers in comments are those of "What a worker does" in docs/protocol.md.
//
// It leaves out stored results, the subjects with a code, and spans.
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

import { AckPolicy, jetstream, JetStreamApiCodes, jetstreamManager } from "@nats-io/jetstream";
import { connect, createInbox } from "@nats-io/transport-node";

import {
  attemptKey,
  countsOf,
  decode,
  encode,
  INLINE_BYTES,
  namesOf,
  nowUs,
  parametersOf,
  TaskError,
  VERSION,
} from "./protocol.js";
import { Slots } from "./slots.js";

const PRIORITIES = ["high", "normal", "low"];
const CONSUMER = { max_deliver: -1, max_ack_pending: 10_000, max_waiting: 4_096 };
const ACK_WAIT_S = 30; // where the coordinator has not said another one
const HEARTBEAT_S = 5;
const REPEAT_MS = 2_000;
const PULL_MS = 1_000; // short, so that a drain need not interrupt it
const RETRY_MS = 200;
const FINISH = 0.8; // the share of the grace in which tasks may finish; the rest is for giving back what did not
const DRAINED = new Error("the worker stops");

export class Worker {
  #held = new Map(); // attempts that are worked on, by key: their names, start and AbortController
  #redelivered = new Map(); // messages that wait for Redundant, by key and dispatch
  #working = new Set(); // promises of everything that has to end before the worker does
  #stopping = new AbortController();
  #startedUs = nowUs();
  #name = `node-${hostname()}-${process.pid}`;

  /** `tasks` by name: `{ parameters: ["order"], run: async ({ order }, { signal }) => ... }`. */
  constructor({ servers, namespace, queue, tasks, slots = 8, graceS = 30 }) {
    Object.assign(this, { servers, namespace, queue, tasks, graceS });
    this.slots = new Slots(Math.max(slots, PRIORITIES.length));
    this.root = `hr.${namespace}`;
  }

  /** Serve until `stop`. */
  async run() {
    this.nc = await connect({ servers: this.servers, name: this.#name, maxReconnectAttempts: -1, reconnectTimeWait: 250 });
    this.js = jetstream(this.nc);
    this.inbox = createInbox();
    this.nc.subscribe(this.inbox, { callback: (_, message) => this.#onRedundant(decode(message.data)) });
    this.nc.subscribe(`${this.root}.live.cancel`, { callback: (_, message) => this.#onCancel(decode(message.data)) });
    this.nc.subscribe(`${this.root}.live.rollcall`, { callback: () => this.#beat() });
    const beating = setInterval(() => this.#beat(), HEARTBEAT_S * 1_000);
    this.#beat();

    await Promise.all(PRIORITIES.map((priority, rank) => this.#pull(priority, rank)));
    await this.#allDone(this.graceS * FINISH);
    for (const { cancel } of this.#held.values()) cancel.abort(DRAINED);
    await this.#allDone(this.graceS * (1 - FINISH));
    clearInterval(beating);
    this.#beat({ stopped: true });
    await this.nc.drain();
  }

  /** 7. Pull no more, give back what has not started, finish the rest. */
  stop() {
    this.#stopping.abort();
    this.#beat();
    for (const { message, forget } of this.#redelivered.values()) {
      forget();
      message.nak(); // whoever gets it asks the same
    }
    this.#redelivered.clear();
  }

  async #allDone(withinS) {
    const late = sleep(withinS * 1_000, "late", { ref: false });
    while (this.#working.size > 0 && (await Promise.race([Promise.allSettled(this.#working), late])) !== "late");
  }

  /** 1. A loop for each priority. It asks for one message, with a slot in its hand; higher ranks get slots first. */
  async #pull(priority, rank) {
    while (!this.#stopping.signal.aborted) {
      const release = await this.slots.take(rank);
      let given = false;
      try {
        const consumer = await this.#consumer(priority);
        const made = await consumer.info(true);
        const message = await consumer.next({ expires: PULL_MS });
        if (message) {
          given = true;
          this.#track(this.#receive(message, consumer, made).finally(release));
        }
      } catch {
        await sleep(RETRY_MS); // NATS is away, or no coordinator has made the streams yet
      } finally {
        if (!given) release();
      }
    }
  }

  async #consumer(priority) {
    const stream = `HR_TASKS_${this.namespace}`;
    const name = `${this.queue}_${priority}`;
    try {
      return await this.js.consumers.get(stream, name);
    } catch (error) {
      if (error.code !== JetStreamApiCodes.ConsumerNotFound) throw error;
    }
    const manager = await jetstreamManager(this.nc);
    const told = (await manager.streams.info(stream)).config.metadata;
    await manager.consumers.add(stream, {
      durable_name: name,
      filter_subject: `${this.root}.task.${this.queue}.${priority}`,
      ack_policy: AckPolicy.Explicit,
      ack_wait: Number(told?.["headrace-ack-wait-s"] ?? ACK_WAIT_S) * 1e9,
      ...CONSUMER,
    });
    return this.js.consumers.get(stream, name);
  }

  #track(promise) {
    const settled = promise.catch((error) => console.error("a message is left to NATS, which delivers it again:", error));
    this.#working.add(settled);
    settled.finally(() => this.#working.delete(settled));
  }

  async #receive(message, consumer, made) {
    if (Number(message.headers?.get("Headrace-Version") || VERSION) > VERSION) {
      return message.nak(5_000); // 2. another worker may understand it
    }
    const task = decode(message.data);
    // 3. A third of the ack wait, which is in nanoseconds, is the longest that NATS may hear nothing.
    const alive = setInterval(() => message.working(), made.config.ack_wait / 1e6 / 3);
    // 5. A consumer that was made anew numbers its messages from the beginning: this would settle another one.
    const settle = async () => (await consumer.info()).created === made.created && message.ack();
    if (message.info.deliveryCount > 1) return this.#hold(task, message, settle, alive); // 8
    try {
      const outcome = await this.#outcome(task, message.info.deliveryCount);
      await this.#publish(task, outcome);
      await settle(); // 5
    } finally {
      clearInterval(alive);
    }
  }

  async #outcome(task, delivery) {
    const outcome = { ...namesOf(task), worker: this.#name, queued_at_us: task.queued_at_us, delivery, started_at_us: nowUs() };
    return { ...outcome, ...(await this.#end(task)), finished_at_us: nowUs() };
  }

  /** 6, 7. How the attempt ends: every end is an outcome. */
  async #end(task) {
    const known = this.tasks[task.task];
    const returned = { state: "returned", dispatch: task.dispatch ?? 0 };
    if (this.#stopping.signal.aborted) return { ...returned, reason: "drain" };
    if (!known) return { ...returned, reason: "unknown_task" };
    try {
      const parameters = parametersOf(task);
      checkNames(task.task, known.parameters, Object.keys(parameters));
      const value = (await this.#perform(task, known, parameters)) ?? null;
      return { state: "succeeded", result: { value: checkSize(value) }, counts: countsOf(value, task.counts) };
    } catch (error) {
      if (error === DRAINED) return { ...returned, reason: "drain" };
      const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
      const code = error instanceof TaskError ? error.code : "task.failed";
      return { state: "failed", error: { code, message, kind: name, traceback: stack }, error_kinds: [name] };
    }
  }

  /** Run the task, until it ends, is cancelled (9) or takes longer than its timeout. */
  async #perform(task, known, parameters) {
    const key = attemptKey(task);
    const cancel = new AbortController();
    const stopped = new Promise((_, reject) => {
      cancel.signal.addEventListener("abort", () => reject(cancel.signal.reason));
    });
    const timeout =
      task.timeout_s &&
      setTimeout(() => cancel.abort(new TaskError("task.timeout", `longer than ${task.timeout_s} s`)), task.timeout_s * 1_000);
    this.#held.set(key, { names: { ...namesOf(task), started_at_us: nowUs() }, retries: task.retries ?? 0, cancel });
    try {
      return await Promise.race([known.run(parameters, { signal: cancel.signal, task }), stopped]);
    } finally {
      clearTimeout(timeout);
      this.#held.delete(key);
    }
  }

  /** 4. On the subject of the message's shard; resolves when the stream has the outcome. */
  async #publish(task, outcome) {
    await this.js.publish(`${this.root}.in.${task.shard}.outcome.${this.queue}`, encode({ outcomes: [outcome] }), {
      msgID: outcome.state === "returned" ? undefined : attemptKey(task),
    });
  }

  /** 8. Somebody may be working on it: ask the coordinator until it answers. */
  #hold(task, message, settle, alive) {
    const dispatch = task.dispatch ?? 0;
    const { queue, queued_at_us, shard } = task;
    const told = { ...namesOf(task), worker: this.#name, queue, queued_at_us, dispatch, reply_to: this.inbox };
    const body = encode({ ...told, delivery: message.info.deliveryCount });
    const tell = () => this.nc.publish(`${this.root}.in.${shard}.redelivered.${this.queue}`, body);
    const key = `${attemptKey(task)} ${dispatch}`;
    const before = this.#redelivered.get(key);
    if (before) before.forget(); // delivered once more: the earlier delivery means nothing now
    const repeating = setInterval(tell, REPEAT_MS);
    const forget = () => (clearInterval(alive), clearInterval(repeating));
    this.#redelivered.set(key, { message, settle, forget });
    tell();
  }

  #onRedundant({ key, dispatch = 0 }) {
    const held = this.#redelivered.get(`${key} ${dispatch}`);
    if (!held) return;
    this.#redelivered.delete(`${key} ${dispatch}`);
    held.forget();
    this.#track(held.settle());
  }

  /** 9. Of a run, or of the attempts named; what a later retry of the run has started goes on. */
  #onCancel({ run_id, attempts = [], reason = "", retries = 0 }) {
    const named = new Set(attempts.map(attemptKey));
    for (const [key, held] of this.#held) {
      const meant = named.size > 0 ? named.has(key) : held.names.run_id === run_id && held.retries <= retries;
      if (meant) held.cancel.abort(new TaskError("task.cancelled", `the attempt was cancelled: ${reason}`));
    }
  }

  #beat({ stopped = false } = {}) {
    const heartbeat = {
      worker: this.#name,
      host: hostname(),
      pid: process.pid,
      at_us: nowUs(),
      started_at_us: this.#startedUs,
      queues: [this.queue],
      slots: this.slots.size,
      tasks: Object.keys(this.tasks),
      held: [...this.#held.values()].map(({ names }) => names),
      pending: [...this.#redelivered.keys()].map((key) => key.split(" ")[0]),
      draining: this.#stopping.signal.aborted,
      stopped,
      every_s: HEARTBEAT_S,
    };
    if (!this.nc.isClosed()) this.nc.publish(`${this.root}.live.heartbeat`, encode(heartbeat));
  }
}

function checkNames(task, expected, found) {
  const missing = expected.filter((name) => !found.includes(name));
  const strange = found.filter((name) => !expected.includes(name));
  if (missing.length + strange.length > 0) {
    throw new TaskError("task.input_invalid", `${task} takes (${expected.join(", ")}), not (${found.join(", ")})`);
  }
}

function checkSize(value) {
  let size;
  try {
    size = encode(value).length;
  } catch (error) {
    throw new TaskError("task.result_invalid", `the result cannot be encoded: ${error.message}`);
  }
  if (size > INLINE_BYTES) throw new TaskError("task.result_invalid", `the result takes ${size} bytes, at most ${INLINE_BYTES}`);
  return value;
}
