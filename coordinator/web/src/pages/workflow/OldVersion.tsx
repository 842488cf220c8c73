import { Link } from "@tanstack/react-router";

import { Time } from "~/time/Time";

import classes from "./graph/Definition.module.css";
import { useVersions } from "./useWorkflow";

/** Says that what is shown is not what runs now, and leads there. */
export function OldVersion({ name, version }: { name: string; version: string | undefined }) {
  const versions = useVersions(name);
  const found = versions.data?.versions.find((one) => one.version === version);
  if (version === undefined || found?.current) return null;
  return (
    <p className={classes.old} role="status">
      <span>
        Version <code title={version}>{version.slice(0, 8)}</code>
        {found && (
          <>
            , deployed <Time us={found.deployed_at_us} />
          </>
        )}
        : not the current one.
      </span>
      <Link to="." search={(old) => ({ ...old, version: undefined })}>
        Show the current version
      </Link>
      <Link to="/workflows/$name/versions" params={{ name }} search={{ base: version }}>
        Compare with the current version
      </Link>
    </p>
  );
}
