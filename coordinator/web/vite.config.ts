import { readFile, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

import react from "@vitejs/plugin-react";
import { type Plugin, defineConfig } from "vite";

// Where the development server finds a coordinator: the one of `headrace dev` unless told otherwise.
const api = process.env["HEADRACE_API"] ?? "http://127.0.0.1:8400";
const forward = { target: api, changeOrigin: true, headers: { origin: api } };

const CORE = /[\\/]node_modules[\\/](react|react-dom|scheduler|use-sync-external-store|zustand|openapi-fetch|@tanstack[\\/](react-router|router-core|history|react-store|store|react-query|query-core)|@mantine[\\/](core|hooks)|@floating-ui[\\/][^\\/]+|react-remove-scroll[^\\/]*|clsx|klona)[\\/]/;

/** Puts a `.br` and a `.gz` beside each file, so that the coordinator never compresses anything. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    async writeBundle({ dir }, bundle) {
      const files = Object.keys(bundle).filter((name) => /\.(js|css|html|svg)$/.test(name));
      await Promise.all(
        files.map(async (name) => {
          const path = `${dir}/${name}`;
          const bytes = await readFile(path);
          if (bytes.length < 1024) return;
          // The highest quality takes seconds for the largest file and gains a few per cent.
          const quality = bytes.length > 500_000 ? 9 : 11;
          const brotli = await promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: quality } });
          await Promise.all([writeFile(`${path}.br`, brotli), promisify(gzip)(bytes, { level: 9 }).then((zipped) => writeFile(`${path}.gz`, zipped))]);
        }),
      );
    },
  };
}

export default defineConfig({
  plugins: [react(), compressed()],
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
    // Compressing is most of it, and is meant to be.
    rolldownOptions: {
      checks: { bundlerTimings: false },
      // What every page needs is one file: many small ones are compressed worse, by 8 KB of the first load.
      output: { codeSplitting: { groups: [{ name: "core", test: CORE }] } },
    },
  },
});
