// A dashboard: its panels at their places, each with its answers; what was drawn can be read from the attributes.
import {
  type DataFrame,
  type GrafanaTheme2,
  type TimeRange,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
} from "@grafana/data";
import { PanelChrome } from "@grafana/ui";
import { lastValueFrom } from "rxjs";
import { completed, configured } from "./fields";
import { type Answer, frames, hasData } from "./frames";
import { KINDS } from "./kinds";

const COLUMNS = 24;
const ROW_PX = 30;
const GAP_PX = 8;

export interface Given {
  board: { title: string; panels: any[] };
  /** The answers to each panel's queries, by its id. */
  answers: Record<string, Answer[]>;
  /** Chosen texts, by the names or labels of variables. */
  shown: Record<string, string>;
  values: Record<string, string>;
  /** Milliseconds. */
  from: number;
  to: number;
}

interface Ready {
  panel: any;
  data: DataFrame[];
}

export function withTransformers(): void {
  standardTransformersRegistry.setInit(() =>
    // Some stand there under two names.
    [...new Map(Object.values(standardTransformers).map((one) => [one.id, one])).values()].map((one) => ({
      id: one.id,
      name: one.name,
      editor: () => null,
      transformation: () => Promise.resolve(one),
      imageDark: "",
      imageLight: "",
    })) as never,
  );
}

/** Panels in the order of their places; closed rows are opened, and a row is right below what is above it, as in Grafana. */
export function opened(panels: any[]): any[] {
  let down = 0;
  let bottom = 0;
  const shifted = (one: any, by: number) => {
    const gridPos = { ...one.gridPos, y: one.gridPos.y + by };
    bottom = Math.max(bottom, gridPos.y + gridPos.h);
    return { ...one, gridPos };
  };
  return panels.flatMap((panel) => {
    down = panel.type === "row" ? bottom - panel.gridPos.y : down;
    const placed = shifted(panel, down);
    const inside: any[] = panel.panels ?? [];
    const top = Math.min(...inside.map(({ gridPos }) => gridPos.y));
    const below = bottom;
    return [placed, ...inside.map((one) => shifted(one, below - top))];
  });
}

/** Each panel with its data, transformed as it says. Throws for transformations that do not exist. */
export async function ready({ board, answers, values }: Given): Promise<Ready[]> {
  const ask = async (panel: any) => {
    const unknown = (panel.transformations ?? []).find(({ id }: any) => !standardTransformersRegistry.getIfExists(id));
    if (unknown) throw new Error(`panel "${panel.title}": there is no transformation "${unknown.id}"`);
    const data = frames(answers[panel.id] ?? []);
    const context = { interpolate: (text: string) => replaced(text, values) };
    return { panel, data: await lastValueFrom(transformDataFrame(panel.transformations ?? [], data, context)) };
  };
  return Promise.all(opened(board.panels).map(ask));
}

export function replaced(text: string, values: Record<string, string>): string {
  return text.replace(/\$(\w+)|\$\{(\w+)(?::\w+)?\}/g, (use, plain, braced) => values[plain ?? braced] ?? use);
}

interface Props {
  given: Given;
  panels: Ready[];
  theme: GrafanaTheme2;
  timeRange: TimeRange;
  width: number;
}

export function Board({ given, panels, theme, timeRange, width }: Props) {
  const column = (width - GAP_PX) / COLUMNS;
  const bottom = Math.max(...panels.map(({ panel: { gridPos } }) => gridPos.y + gridPos.h));
  return (
    <main style={{ padding: GAP_PX }}>
      <header style={{ display: "flex", gap: 24, alignItems: "baseline", margin: 8 }}>
        <h1 style={{ fontSize: 22, margin: 0 }}>{given.board.title}</h1>
        {Object.entries(given.shown).map(([name, text]) => (
          <span key={name} style={{ color: theme.colors.text.secondary }}>
            {name}: <b style={{ color: theme.colors.text.primary }}>{text}</b>
          </span>
        ))}
      </header>
      <div style={{ position: "relative", height: bottom * (ROW_PX + GAP_PX) }}>
        {panels.map(({ panel, data }) => {
          const { x, y, w, h } = panel.gridPos;
          const place = { position: "absolute", left: x * column, top: y * (ROW_PX + GAP_PX) } as const;
          const size = { width: w * column - GAP_PX, height: h * (ROW_PX + GAP_PX) - GAP_PX };
          return (
            <div key={panel.id} style={{ ...place, ...size }}>
              {panel.type === "row" ? (
                <h2 style={{ fontSize: 16, margin: "4px 8px" }}>{panel.title}</h2>
              ) : (
                <OnePanel {...{ panel, data, theme, timeRange, values: given.values, ...size }} />
              )}
            </div>
          );
        })}
      </div>
    </main>
  );
}

function OnePanel({ panel, data, theme, timeRange, values, width, height }: any) {
  const replaceVariables = (text: string) => replaced(text, values);
  const fieldConfig = completed(panel.type, panel.fieldConfig);
  const fields = configured(data, fieldConfig, theme, replaceVariables);
  const draw = KINDS[panel.type];
  if (!draw) throw new Error(`panel "${panel.title}": a panel of the kind ${panel.type} cannot be drawn`);
  const empty = panel.type !== "text" && !hasData(fields);
  return (
    <section data-panel={panel.title} data-kind={panel.type} data-empty={empty}>
      <PanelChrome
        title={replaceVariables(panel.title ?? "")}
        description={panel.description}
        width={width}
        height={height}
        displayMode={panel.transparent ? "transparent" : "default"}
      >
        {(innerWidth: number, innerHeight: number) => (
          <div data-body style={{ width: innerWidth, height: innerHeight }}>
            {empty ? (
              <p style={{ display: "grid", placeItems: "center", height: "100%", margin: 0 }}>
                {fieldConfig.defaults.noValue ?? "No data"}
              </p>
            ) : (
              draw({
                kind: panel.type,
                data: fields,
                fieldConfig,
                options: panel.options ?? {},
                width: innerWidth,
                height: innerHeight,
                theme,
                timeRange,
                replaceVariables,
              })
            )}
          </div>
        )}
      </PanelChrome>
    </section>
  );
}
