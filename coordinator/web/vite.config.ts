import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Where the development server finds a coordinator: the one of `headrace dev` unless told otherwise.
const api = process.env["HEADRACE_API"] ?? "http://127.0.0.1:8400";
const forward = { target: api, changeOrigin: true, headers: { origin: api } };

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "~": new URL("./src", import.meta.url).pathname } },
  server: { proxy: { "/api": forward, "/errors": forward } },
  preview: { proxy: { "/api": forward, "/errors": forward } },
  worker: { format: "es" },
  build: {
    outDir: "../headrace_coordinator/_ui",
    emptyOutDir: true,
    target: "es2023",
    // Names carry a digest, so that whatever is below assets/ may be cached for ever.
    assetsDir: "assets",
    // Data URLs would need an exception in the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
  },
});
