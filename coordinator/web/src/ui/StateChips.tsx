import { StateIcon, hueOf } from "~/design/State";
import { type AnyState, lookOf } from "~/design/states";

import classes from "./StateChips.module.css";

interface Props<State extends AnyState> {
  label: string;
  states: readonly State[];
  on: readonly State[];
  /** How many there are of a state, in words; empty when that is not known. */
  count: (state: State) => string;
  change: (on: State[] | undefined) => void;
}

/** One chip for each state; any of them may be on. All of them is the same as none. */
export function StateChips<State extends AnyState>({ label, states, on, count, change }: Props<State>) {
  const toggle = (state: State) => {
    const next = states.filter((one) => on.includes(one) !== (one === state));
    change(next.length > 0 && next.length < states.length ? next : undefined);
  };
  return (
    <div className={classes.states} role="group" aria-label={label}>
      {states.map((state) => (
        <button key={state} type="button" className={classes.state} style={hueOf(state)} aria-pressed={on.includes(state)} onClick={() => toggle(state)}>
          <StateIcon state={state} size={12} />
          {lookOf(state).label}
          <span className={classes.count}>{count(state)}</span>
        </button>
      ))}
    </div>
  );
}
