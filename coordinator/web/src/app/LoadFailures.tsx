import { Time } from "~/time/Time";
import { Icon } from "~/design/icons";

import { useInfo } from "./Header";
import classes from "./LoadFailures.module.css";

/** Files that `headrace dev` cannot load: on every page, for as long as it lasts. */
export function LoadFailures() {
  const failures = useInfo().data?.load_failures ?? [];
  if (failures.length === 0) return null;
  return (
    <section className={classes.banner} role="alert" aria-label="Files that are not loaded">
      {failures.map(({ target, since_us, error }) => (
        <details key={target}>
          <summary>
            <Icon name="warning" size={14} /> <code>{target}</code> is not loaded since <Time us={since_us} />: {error.message}
          </summary>
          {[error.where, error.found, error.fix].filter(Boolean).map((text) => (
            <pre key={text}>{text}</pre>
          ))}
          <p>What was deployed of it goes on as it was.</p>
        </details>
      ))}
    </section>
  );
}
