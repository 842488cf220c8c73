// Runs before the first paint: a page must not flash in the wrong theme. Kept in step with src/settings/appearance.ts.
(function () {
  let settings = {};
  try {
    settings = JSON.parse(localStorage.getItem("headrace.settings") || "{}").state || {};
  } catch {
    // Unreadable settings are as good as none.
  }
  const dark = settings.theme === "dark" || (settings.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  const root = document.documentElement;
  root.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
  root.setAttribute("data-density", settings.density === "compact" ? "compact" : "normal");
})();
