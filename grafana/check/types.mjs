// Checks dashboards against the types that Grafana publishes: node types.mjs DASHBOARD.json ...
// Prints one line per mistake and ends with status 1 if there is one.
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const HERE = dirname(fileURLToPath(import.meta.url));
const CHECKED_KINDS = ["bargauge", "stat", "statetimeline", "table", "text", "timeseries"];

// What is right although the types do not say so. An entry that no dashboard needs is a mistake itself.
const ACCEPTED = [
  {
    of: "variables",
    keys: ["auto", "auto_count", "auto_min"],
    why: "an interval variable's keys, which the SDK writes for each kind and Grafana ignores there",
  },
  { of: "variables", keys: ["definition"], why: "a variable's query as Grafana's own list of variables shows it" },
  { of: "annotations", keys: ["expr", "titleFormat", "textFormat"], why: "keys of Prometheus annotations" },
  { of: "options of table", keys: ["footer"], why: "older Grafana reads it; 13 has it at the fields" },
];

const HEAD = `
import type { AnnotationQuery, Dashboard, FieldConfig, MatcherConfig, Panel, RowPanel, VariableModel }
  from "@grafana/schema";
${CHECKED_KINDS.map((kind) => `import type * as ${kind} from "kinds/${kind}";`).join("\n")}
// JSON has the values of enumerations, not their names.
type Json<T> = 0 extends 1 & T ? any : T extends string ? \`\${T}\` : T extends readonly (infer U)[] ? Json<U>[]
  : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
// Grafana fills in what is missing.
type Some<T> = 0 extends 1 & T ? any : T extends string ? \`\${T}\` : T extends readonly (infer U)[] ? Some<U>[]
  : T extends object ? { [K in keyof T]?: Some<T[K]> } : T;
// @grafana/schema has no type for queries of Prometheus.
interface Target {
  datasource: { type: "prometheus"; uid: string };
  refId: string;
  expr: string;
  legendFormat?: string;
  instant?: boolean;
  range?: boolean;
  exemplar?: boolean;
  format?: "time_series" | "table" | "heatmap";
  interval?: string;
  hide?: boolean;
}
type StandardFields = Omit<FieldConfig, "custom">;
`;

/** Pieces of a dashboard, each with the type that it must satisfy: {of, where, value, type}. */
function* pieces(name, board) {
  const { panels = [], templating = {}, annotations = {}, ...rest } = board;
  yield { of: "dashboard", where: name, value: rest, type: "Json<Partial<Dashboard>>" };
  for (const one of templating.list ?? [])
    yield { of: "variables", where: `${name}, variable ${one.name}`, value: one, type: "Json<VariableModel>" };
  for (const one of annotations.list ?? [])
    yield* ofAnnotation(`${name}, annotation ${one.name}`, one);
  for (const panel of panels.flatMap((one) => [one, ...(one.panels ?? [])])) yield* ofPanel(name, panel);
}

function* ofAnnotation(where, { target, ...rest }) {
  yield { of: "annotations", where, value: rest, type: "Json<AnnotationQuery>" };
  yield { of: "targets", where, value: target, type: "Omit<Target, \"datasource\">" };
}

function* ofPanel(name, panel) {
  const where = `${name}, panel ${JSON.stringify(panel.title ?? panel.id)}`;
  if (panel.type === "row") {
    yield { of: "rows", where, value: { ...panel, panels: [] }, type: "Json<RowPanel>" };
    return;
  }
  const { options = {}, targets = [], fieldConfig = { defaults: {}, overrides: [] }, ...rest } = panel;
  const { custom = {}, ...defaults } = fieldConfig.defaults;
  const kind = panel.type.replace("-", "");
  yield { of: "panels", where, value: rest, type: "Json<Panel>" };
  yield { of: "fields", where: `${where}, fields`, value: defaults, type: "Json<StandardFields>" };
  for (const target of targets)
    yield { of: "targets", where: `${where}, target ${target.refId}`, value: target, type: "Target" };
  if (!CHECKED_KINDS.includes(kind)) {
    yield { of: "panels", where, value: panel.type, type: JSON.stringify(CHECKED_KINDS.join(", ")) };
    return;
  }
  yield { of: `options of ${kind}`, where: `${where}, options`, value: options, type: `Some<${kind}.Options>` };
  const customType = "FieldConfig" in exportsOf(kind) ? `Some<${kind}.FieldConfig>` : "{}";
  yield { of: "custom fields", where: `${where}, custom fields`, value: custom, type: customType };
  for (const { matcher, properties } of fieldConfig.overrides ?? []) {
    const at = `${where}, override of ${JSON.stringify(matcher.options)}`;
    const own = properties.filter(({ id }) => id.startsWith("custom."));
    yield { of: "overrides", where: at, value: matcher, type: "Json<MatcherConfig>" };
    yield { of: "overrides", where: at, value: asObject(own, "custom."), type: customType };
    yield {
      of: "overrides",
      where: at,
      value: asObject(properties.filter((one) => !own.includes(one)), ""),
      type: "Json<StandardFields>",
    };
  }
}

const asObject = (properties, prefix) =>
  Object.fromEntries(properties.map(({ id, value }) => [id.slice(prefix.length), value]));

const typesOf = (kind) =>
  join(HERE, `node_modules/@grafana/schema/dist/types/raw/composable/${kind}/panelcfg/x/types.gen.d.ts`);

function exportsOf(kind) {
  const found = readFileSync(typesOf(kind), "utf8").matchAll(/export (?:interface|enum) (\w+)/g);
  return Object.fromEntries([...found].map(([, name]) => [name, true]));
}

/** The piece without the keys that are accepted; remembers which entries were needed. */
function withoutAccepted(piece, needed) {
  let { value } = piece;
  for (const entry of ACCEPTED.filter(({ of }) => of === piece.of))
    for (const key of entry.keys.filter((one) => one in value)) {
      needed.add(`${entry.of}: ${key}`);
      const { [key]: _, ...others } = value;
      value = others;
    }
  return { ...piece, value };
}

/** The diagnostics of TypeScript for one source file that exists in memory alone. */
function diagnostics(source) {
  const file = join(HERE, "dashboards.ts");
  const options = {
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    paths: { "kinds/*": ["./node_modules/@grafana/schema/dist/types/raw/composable/*/panelcfg/x/types.gen.d.ts"] },
    baseUrl: HERE,
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (path) => path === file || fileExists(path);
  host.getSourceFile = (path, ...more) =>
    path === file ? ts.createSourceFile(path, source, ts.ScriptTarget.ES2022) : getSourceFile(path, ...more);
  return ts.getPreEmitDiagnostics(ts.createProgram([file], options, host));
}

function mistakes(files) {
  const needed = new Set();
  const lines = HEAD.split("\n").map((text) => ({ text, where: "the head" }));
  for (const file of files) {
    const board = JSON.parse(readFileSync(file, "utf8"));
    for (const found of pieces(basename(file), board)) {
      const { where, value, type } = withoutAccepted(found, needed);
      const text = `(${JSON.stringify(value, null, 1)}) satisfies ${type};`;
      lines.push(...text.split("\n").map((one) => ({ text: one, where })));
    }
  }
  const found = diagnostics(lines.map(({ text }) => text).join("\n")).map((one) => {
    const said = ts.flattenDiagnosticMessageText(one.messageText, " ");
    if (!one.file || one.start === undefined) return said;
    const { text, where } = lines[one.file.getLineAndCharacterOfPosition(one.start).line];
    return `${where}: ${text.trim()} ${said}`;
  });
  const unneeded = ACCEPTED.flatMap(({ of, keys }) => keys.map((key) => `${of}: ${key}`));
  return { found, unneeded: unneeded.filter((one) => !needed.has(one)) };
}

const [first, ...others] = process.argv.slice(2);
const all = first === "--all";
const { found, unneeded } = mistakes(all ? others : [first, ...others]);
// One fixture need not have all that is accepted; all dashboards together must.
const said = all ? [...found, ...unneeded.map((one) => `accepted, but in no dashboard: ${one}`)] : found;
for (const one of said) console.log(one);
process.exitCode = said.length ? 1 : 0;
