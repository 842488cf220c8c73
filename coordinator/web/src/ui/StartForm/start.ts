import { create } from "zustand";

/** Which workflow is being started; the shell shows the form over whatever page is open. */
export const useStart = create<{ workflow: string | null }>(() => ({ workflow: null }));

export function openStart(workflow: string): void {
  useStart.setState({ workflow });
}

export function closeStart(): void {
  useStart.setState({ workflow: null });
}
