import { Hub } from "./hub";

/** The shared worker of all tabs. */
const hub = new Hub(`${globalThis.location.origin}/api/v1`);
(globalThis as unknown as { onconnect: (event: MessageEvent) => void }).onconnect = ({ ports }) => {
  if (ports[0]) hub.attach(ports[0]);
};
