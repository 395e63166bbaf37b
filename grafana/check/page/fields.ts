// How fields are configured: what the panel says, over what Grafana's own panels have where it says nothing.
import {
  type DataFrame,
  FieldConfigOptionsRegistry,
  type FieldConfigPropertyItem,
  type FieldConfigSource,
  type GrafanaTheme2,
  applyFieldOverrides,
  cacheFieldDisplayNames,
  identityOverrideProcessor,
} from "@grafana/data";
import { merge } from "lodash";

const STANDARD = [
  "color",
  "decimals",
  "description",
  "displayName",
  "filterable",
  "links",
  "mappings",
  "max",
  "min",
  "noValue",
  "thresholds",
  "unit",
];

const CUSTOM_DEFAULTS: Record<string, object> = {
  timeseries: {
    axisPlacement: "auto",
    drawStyle: "line",
    fillOpacity: 0,
    gradientMode: "none",
    hideFrom: { legend: false, tooltip: false, viz: false },
    lineInterpolation: "linear",
    lineWidth: 1,
    pointSize: 5,
    scaleDistribution: { type: "linear" },
    showPoints: "auto",
    spanNulls: false,
    stacking: { group: "A", mode: "none" },
    thresholdsStyle: { mode: "off" },
  },
  table: { align: "auto", cellOptions: { type: "auto" }, filterable: false, inspect: false },
};

const COLOUR_DEFAULTS: Record<string, string> = { timeseries: "palette-classic" };
const THRESHOLD_DEFAULTS = {
  mode: "absolute",
  steps: [
    { color: "green", value: null },
    { color: "red", value: 80 },
  ],
};

function item(path: string, isCustom: boolean): FieldConfigPropertyItem {
  return {
    id: isCustom ? `custom.${path}` : path,
    path,
    name: path,
    isCustom,
    editor: () => null,
    override: () => null,
    process: identityOverrideProcessor,
    shouldApply: () => true,
  } as FieldConfigPropertyItem;
}

function registry(config: FieldConfigSource): FieldConfigOptionsRegistry {
  const ofOverrides = config.overrides
    .flatMap(({ properties }) => properties)
    .filter(({ id }) => id.startsWith("custom."))
    .map(({ id }) => id.slice("custom.".length));
  const custom = new Set([...Object.keys(config.defaults.custom ?? {}), ...ofOverrides]);
  return new FieldConfigOptionsRegistry(() => [
    ...STANDARD.map((path) => item(path, false)),
    ...[...custom].map((path) => item(path, true)),
  ]);
}

/** The panel's configuration, completed as Grafana completes it when the panel is loaded. */
export function completed(kind: string, given: Partial<FieldConfigSource> | undefined): FieldConfigSource {
  const thresholds = given?.defaults?.thresholds ?? structuredClone(THRESHOLD_DEFAULTS);
  // JSON has no -Infinity: the first step begins there.
  const steps = thresholds.steps.map((step, place) => ({ ...step, value: place ? step.value : -Infinity }));
  const defaults = merge(
    { color: { mode: COLOUR_DEFAULTS[kind] ?? "thresholds" }, custom: structuredClone(CUSTOM_DEFAULTS[kind] ?? {}), mappings: [] },
    given?.defaults,
  );
  return {
    defaults: { ...defaults, thresholds: { ...thresholds, steps } },
    overrides: (given?.overrides ?? []).map((one) => ({ ...one, properties: one.properties.map(withFirstStep) })),
  } as FieldConfigSource;
}

function withFirstStep(property: { id: string; value?: any }): { id: string; value?: any } {
  if (property.id !== "thresholds") return property;
  const steps = property.value.steps.map((step: object, place: number) => (place ? step : { ...step, value: -Infinity }));
  return { ...property, value: { ...property.value, steps } };
}

/** The frames with their fields configured, ready to be drawn. */
export function configured(
  data: DataFrame[],
  fieldConfig: FieldConfigSource,
  theme: GrafanaTheme2,
  replaceVariables: (text: string) => string,
): DataFrame[] {
  const made = applyFieldOverrides({
    data,
    fieldConfig,
    fieldConfigRegistry: registry(fieldConfig),
    replaceVariables,
    theme,
    timeZone: "utc",
  });
  // Headings of tables and colours by name are taken from there.
  cacheFieldDisplayNames(made);
  return made;
}
