import { useRouter } from "@tanstack/react-router";
import { useEffect } from "react";

import { ApiError, UNREACHABLE } from "~/api/client";
import { Failure } from "~/ui/Feedback";
import { Page } from "~/ui/Page";
import { PartMissing, reloadWhenAnswered } from "~/ui/parts";

/** Stands where a page should be that threw. The shell around it stays. */
export function ErrorPage({ error, reset }: { error: unknown; reset: () => void }) {
  const router = useRouter();
  if (error instanceof PartMissing) return <MissingPage error={error} />;
  const again = () => {
    reset();
    void router.invalidate();
  };
  return (
    <Page title="Error">
      <Failure error={error} retry={again} />
    </Page>
  );
}

/** Its code is asked for until it comes; the address stays, so that the same page is shown then. */
function MissingPage({ error }: { error: PartMissing }) {
  useEffect(reloadWhenAnswered, []);
  return (
    <Page title="Error">
      <Failure
        error={
          new ApiError({
            ...UNREACHABLE,
            title: "Not loaded",
            detail: error.message,
            found: error.cause instanceof Error ? error.cause.message : String(error.cause),
            fix: "It is loaded as soon as the coordinator answers. Check that it runs (`headrace dev`, or `headrace coordinator`).",
          })
        }
      />
    </Page>
  );
}

export function NoSuchPage() {
  return (
    <Page title="No such page">
      <Failure
        error={
          new ApiError({
            type: "",
            title: "No such page",
            status: 404,
            detail: "There is no such page.",
            code: "",
            where: globalThis.location.pathname,
            found: "",
            expected: "",
            fix: "Go on from the navigation, or press Ctrl K (⌘K) and type what you look for.",
            errors: [],
          })
        }
      />
    </Page>
  );
}
