import { lazyRouteComponent } from "@tanstack/react-router";
import { lazy } from "react";

/** A part of the code did not arrive: the coordinator does not answer, or a newer build has replaced the file. */
export class PartMissing extends Error {
  constructor(cause: unknown) {
    super("A part of this page could not be loaded.", { cause });
  }
}

/** A component whose code comes when it is first shown. */
export const part: typeof lazy = (load) => lazy(() => arrived(load));

/** The component of an address, whose code comes when the address is first opened. */
export const page: typeof lazyRouteComponent = (load, name) => lazyRouteComponent(() => arrived(load), name);

async function arrived<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    throw new PartMissing(error);
  }
}

const ASK_MS = 1000;
/** Where a file stays missing, a page that reloads itself does it no more often than this. */
const REST_MS = 10_000;
const RELOADED = "headrace.reloaded";

/**
 * Reloads the page once the coordinator answers, so that it begins with code that is there. Browsers remember that a
 * module could not be loaded for as long as the page lives, and a reload while nobody answers would end in an error
 * page of the browser's own.
 */
export function reloadWhenAnswered(): () => void {
  let timer = setTimeout(ask, Math.max(0, Number(sessionStorage.getItem(RELOADED)) + REST_MS - Date.now()));
  async function ask() {
    const answers = await fetch("/", { cache: "no-store" }).then(
      (response) => response.ok,
      () => false,
    );
    if (!answers) {
      timer = setTimeout(ask, ASK_MS);
      return;
    }
    sessionStorage.setItem(RELOADED, String(Date.now()));
    globalThis.location.reload();
  }
  return () => clearTimeout(timer);
}
