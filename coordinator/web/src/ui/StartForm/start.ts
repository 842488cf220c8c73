import { create } from "zustand";

type Params = Readonly<Record<string, unknown>>;

/** Which workflow is being started; the shell shows the form over whatever page is open. */
export const useStart = create<{ workflow: string | null; params: Params }>(() => ({ workflow: null, params: {} }));

/** With `params` the form begins as they say, such as those of a run that is started again. */
export function openStart(workflow: string, params: Params = {}): void {
  useStart.setState({ workflow, params });
}

export function closeStart(): void {
  useStart.setState({ workflow: null });
}
