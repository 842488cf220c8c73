import { useNavigate } from "@tanstack/react-router";
import { useCallback } from "react";

import type { RunSearch } from "./search";

/** Changes what the address of a run says, and stays on its tab. */
export function useChange(): (change: Partial<RunSearch>) => void {
  const navigate = useNavigate();
  return useCallback((change) => void navigate({ to: ".", search: (old: RunSearch) => ({ ...old, ...change }), replace: true }), [navigate]);
}
