import { QueryClient } from "@tanstack/react-query";
import createClient, { type FetchResponse } from "openapi-fetch";

import { exactText } from "./exact";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Problem = Schemas["Problem"];

export const api = createClient<paths>({
  baseUrl: "",
  // `state=failed&state=running`, as the API reads lists.
  querySerializer: { array: { style: "form", explode: true } },
});

/** Answers that hold values of the user's, whose integers may be longer than JavaScript's. */
const VALUES = /^\/api\/v1\/(runs\/\{run_id\}(\/(history|events|nodes\/\{node\}\/result))?|events.*|workflows\/.*)$/;

api.use({
  async onResponse({ response, schemaPath }) {
    if (!response.ok || !VALUES.test(schemaPath) || !response.headers.get("Content-Type")?.includes("json")) return undefined;
    const { status, statusText, headers } = response;
    return new Response(exactText(await response.text()), { status, statusText, headers: withoutLength(headers) });
  },
});

/** The text may have become longer, and is no longer compressed. */
function withoutLength(given: Headers): Headers {
  const headers = new Headers(given);
  headers.delete("Content-Length");
  headers.delete("Content-Encoding");
  return headers;
}

/** What the API answered instead of what was asked for, or that it did not answer. */
export class ApiError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
  }
}

/** Nobody answers. */
export const UNREACHABLE: Problem = {
  type: "/errors/unavailable",
  title: "The coordinator does not answer.",
  status: 0,
  detail: "The request did not reach the coordinator.",
  code: "unavailable",
  where: "",
  found: "",
  expected: "",
  fix: "Check that it runs (`headrace dev`, or `headrace coordinator`), and that this address leads to it.",
  errors: [],
};

/** The data of an answer; throws ApiError. Use it in every query and mutation. */
export async function data<T extends Record<string | number, unknown>, O, M extends `${string}/${string}`>(
  asked: Promise<FetchResponse<T, O, M>>,
): Promise<NonNullable<FetchResponse<T, O, M>["data"]>> {
  const answer = await asked.catch((error: unknown) => {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(UNREACHABLE);
  });
  if (answer.data !== undefined && answer.data !== null) return answer.data;
  throw new ApiError(problemOf(answer.error, answer.response));
}

export function problemOf(found: unknown, response: Response): Problem {
  if (typeof found === "object" && found !== null && "detail" in found) return { ...UNREACHABLE, fix: "", ...(found as Partial<Problem>) };
  return { ...UNREACHABLE, title: "An answer that is not Headrace's.", status: response.status, detail: `${response.status} ${response.statusText}` };
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // Live data patches what is shown; nothing is read again because a window got the focus or a link was clicked.
      staleTime: 30_000,
      refetchOnWindowFocus: false,
      retry: (failures, error) => failures < 2 && !(error instanceof ApiError && error.problem.status >= 400 && error.problem.status < 500),
    },
  },
});
