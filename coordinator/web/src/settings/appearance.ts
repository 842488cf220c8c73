import { useMediaQuery } from "@mantine/hooks";
import { useEffect } from "react";

import { useSettings } from "./settings";

/** The theme to show, and the density written where tokens.css looks for it. */
export function useAppearance(): "light" | "dark" {
  const { theme, density } = useSettings();
  const prefersDark = useMediaQuery("(prefers-color-scheme: dark)", undefined, { getInitialValueInEffect: false });
  useEffect(() => {
    document.documentElement.dataset["density"] = density;
  }, [density]);
  return theme === "auto" ? (prefersDark ? "dark" : "light") : theme;
}
