import "./design/index.css";

import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { queryClient } from "./api/client";
import { router } from "./app/router";
import { theme } from "./design/theme";
import { onFrames, startLive } from "./live/live";
import { forgetRuns } from "./live/runs";
import { useAppearance } from "./settings/appearance";

function App() {
  const scheme = useAppearance();
  return (
    // Its variables come from a file: a <style> made at run time would weaken the Content-Security-Policy.
    <MantineProvider theme={theme} forceColorScheme={scheme} withCssVariables={false} withGlobalClasses={false}>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  );
}

startLive();
// Another store answers: nothing that was read is true any more.
onFrames("reset", () => {
  forgetRuns();
  void queryClient.resetQueries();
});

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
