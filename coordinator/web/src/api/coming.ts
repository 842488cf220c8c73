import createClient from "openapi-fetch";

import type { Schemas } from "./client";

/** Operations that the API is about to have; this file goes when `just ui-client` knows them. */
type RunState = Schemas["RunState"];

export interface RunCounts {
  counts: Record<RunState, { count: number; more: boolean }>;
}

export interface Where {
  workflow?: string | undefined;
  states?: RunState[] | undefined;
  trigger?: string | undefined;
  event?: string | undefined;
  label?: string | undefined;
  q?: string | undefined;
  from_us?: number | undefined;
  before_us?: number | undefined;
}

export interface CancelRuns {
  run_ids?: string[];
  where?: Where;
  preview?: boolean;
  reason?: string;
  by?: string;
}

export interface Cancelled {
  preview: boolean;
  count: number;
  more: boolean;
  run_ids: string[];
  runs: Schemas["RunSummary"][];
  done: string[];
  failed: { run_id: string; error: Schemas["ErrorInfo"] }[];
}

interface Json<T> {
  content: { "application/json": T };
}

interface Paths {
  "/api/v1/runs/counts": { get: { parameters: { query?: Record<string, string | string[] | undefined> }; responses: { 200: Json<RunCounts> } } };
  "/api/v1/runs/cancel": { post: { requestBody: Json<CancelRuns>; responses: { 200: Json<Cancelled> } } };
}

export const coming = createClient<Paths>({ baseUrl: "" });
