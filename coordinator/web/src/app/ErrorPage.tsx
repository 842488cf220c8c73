import { useRouter } from "@tanstack/react-router";

import { ApiError } from "~/api/client";
import { Failure } from "~/ui/Feedback";
import { Page } from "~/ui/Page";

/** Stands where a page should be that threw. The shell around it stays. */
export function ErrorPage({ error, reset }: { error: unknown; reset: () => void }) {
  const router = useRouter();
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
