// Writes the page that draws dashboards: node bundle.mjs FOLDER.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const folder = process.argv[2];
// Editors and maps, which no panel of ours needs.
const leftOut = {
  name: "left out",
  setup(all) {
    all.onResolve({ filter: /^(monaco-editor|@monaco-editor|ol|@codemirror|slate)(\/|$)/ }, ({ path }) => ({
      path,
      namespace: "left-out",
    }));
    all.onLoad({ filter: /.*/, namespace: "left-out" }, () => ({ contents: "module.exports = {};", loader: "js" }));
  },
};
await build({
  entryPoints: { page: join(HERE, "page/main.tsx") },
  outdir: folder,
  bundle: true,
  minify: true,
  format: "iife",
  jsx: "automatic",
  target: "es2022",
  define: { "process.env.NODE_ENV": '"production"', global: "window" },
  loader: { ".svg": "text", ".woff": "empty", ".woff2": "empty" },
  plugins: [leftOut],
  logLevel: "warning",
});
