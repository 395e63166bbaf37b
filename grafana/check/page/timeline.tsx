// A state timeline: Grafana does not publish its own, so this one draws the same fields with the same colours.
import {
  type DataFrame,
  type Field,
  FieldType,
  type GrafanaTheme2,
  dateTimeFormat,
  getFieldDisplayName,
} from "@grafana/data";
import { LegendDisplayMode } from "@grafana/schema";
import { VizLayout, VizLegend } from "@grafana/ui";

interface Span {
  from: number;
  to: number;
  text: string;
  colour: string;
}

interface Row {
  name: string;
  spans: Span[];
}

interface Props {
  data: DataFrame[];
  from: number;
  to: number;
  height: number;
  width: number;
  options: { perPage?: number; rowHeight?: number; legend?: { showLegend?: boolean } };
  theme: GrafanaTheme2;
}

const AXIS_PX = 22;
const LETTER_PX = 7;
const DAY_MS = 86_400_000;
const TICKS = 6;

export function Timeline(props: Props) {
  const { data, width, height, options } = props;
  const rows = data.flatMap((frame) => rowsOf(frame, data)).slice(0, options.perPage || 20);
  const items = options.legend?.showLegend ? states(rows.flatMap(({ spans }) => spans)) : [];
  const legend = items.length ? (
    <VizLayout.Legend placement="bottom">
      <VizLegend
        displayMode={LegendDisplayMode.List}
        placement="bottom"
        items={items.map(({ text, colour }) => ({ label: text, color: colour, yAxis: 1 }))}
      />
    </VizLayout.Legend>
  ) : null;
  return (
    <VizLayout width={width} height={height} legend={legend}>
      {(innerWidth, innerHeight) => <Rows {...props} rows={rows} width={innerWidth} height={innerHeight} />}
    </VizLayout>
  );
}

function Rows({ rows, from, to, height, width, options, theme }: Props & { rows: Row[] }) {
  const names = Math.min(width / 3, 12 + LETTER_PX * Math.max(...rows.map(({ name }) => name.length), 0));
  const bottom = height - AXIS_PX;
  const rowPx = bottom / Math.max(rows.length, 1);
  const barPx = rowPx * (options.rowHeight ?? 0.9);
  const x = (at: number) => names + ((width - names) * (Math.min(Math.max(at, from), to) - from)) / (to - from);
  const text = { fill: theme.colors.text.primary, fontSize: 12, textAnchor: "end" } as const;
  const format = to - from > 2 * DAY_MS ? "MM-DD" : "HH:mm";
  const ticks = Array.from({ length: TICKS }, (_, place) => from + ((to - from) * (place + 0.5)) / TICKS);
  return (
    <svg width={width} height={height} style={{ display: "block" }}>
      {rows.map(({ name, spans }, place) => (
        <g key={name} transform={`translate(0 ${place * rowPx})`}>
          <text x={names - 8} y={rowPx / 2} dominantBaseline="middle" {...text}>
            {name}
          </text>
          {spans.map(({ from: start, to: end, colour, text: state }) => (
            <rect
              key={start}
              x={x(start)}
              y={(rowPx - barPx) / 2}
              width={Math.max(x(end) - x(start), 1)}
              height={barPx}
              fill={colour}
            >
              <title>{state}</title>
            </rect>
          ))}
        </g>
      ))}
      {ticks.map((at) => (
        <text key={at} x={x(at)} y={bottom + 15} {...text} textAnchor="middle" fill={theme.colors.text.secondary}>
          {dateTimeFormat(at, { format, timeZone: "utc" })}
        </text>
      ))}
    </svg>
  );
}

function rowsOf(frame: DataFrame, all: DataFrame[]): Row[] {
  const time = frame.fields.find(({ type }) => type === FieldType.time);
  return frame.fields
    .filter(({ type }) => type !== FieldType.time)
    .map((field) => ({ name: getFieldDisplayName(field, frame, all), spans: spans(field, time!.values) }));
}

/** Equal values one after the other are one span; where a value is missing, there is none. */
function spans(field: Field, times: number[]): Span[] {
  const step = times.length > 1 ? Math.min(...times.slice(1).map((at, place) => at - times[place])) : 60_000;
  const found: Span[] = [];
  times.forEach((at, place) => {
    const value = field.values[place];
    if (value === null || value === undefined) return;
    const shown = field.display!(value);
    const last = found[found.length - 1];
    const goesOn = last && last.text === shown.text && at - last.to < step / 2;
    if (goesOn) last.to = at + step;
    else found.push({ from: at, to: at + step, text: shown.text, colour: shown.color ?? "transparent" });
  });
  return found;
}

function states(all: Span[]): Span[] {
  return [...new Map(all.map((one) => [one.text, one])).values()];
}
