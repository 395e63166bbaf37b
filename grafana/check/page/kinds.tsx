// Each kind of panel, drawn by Grafana's own component where it is published.
import {
  type DataFrame,
  type FieldConfigSource,
  type FieldDisplay,
  type FieldMatcher,
  type GrafanaTheme2,
  type TimeRange,
  VizOrientation,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  outerJoinDataFrames,
  renderMarkdown,
} from "@grafana/data";
import { BarGaugeDisplayMode, BarGaugeValueMode, BigValueGraphMode } from "@grafana/schema";
import { BarGauge, BigValue, TimeSeries, VizRepeater } from "@grafana/ui";
import { TableNG } from "@grafana/ui/unstable";
import { type ReactElement } from "react";
import { Timeline } from "./timeline";

export interface Drawn {
  kind: string;
  data: DataFrame[];
  fieldConfig: FieldConfigSource;
  options: any;
  width: number;
  height: number;
  theme: GrafanaTheme2;
  timeRange: TimeRange;
  replaceVariables: (text: string) => string;
}

type Draw = (drawn: Drawn) => ReactElement;

export const KINDS: Record<string, Draw> = {
  bargauge: bars,
  stat,
  "state-timeline": timeline,
  table,
  text,
  timeseries,
};

function timeseries({ data, options, width, height, timeRange }: Drawn) {
  return (
    <TimeSeries
      frames={data}
      structureRev={1}
      width={width}
      height={height}
      timeRange={timeRange}
      timeZone="utc"
      legend={{ showLegend: true, displayMode: "list", placement: "bottom", calcs: [], ...options.legend }}
      options={options}
      preparePlotFrame={aligned}
    />
  );
}

/** One frame of all series. Their names are kept, which give them their colours. */
function aligned(frames: DataFrame[], { x, y }: { x: FieldMatcher; y: FieldMatcher }): DataFrame | null {
  const how = { joinBy: x, keep: y, keepOriginIndices: true, keepDisplayNames: true };
  return outerJoinDataFrames({ frames, ...how }) ?? null;
}

function timeline({ data, options, width, height, theme, timeRange }: Drawn) {
  const [from, to] = [timeRange.from.valueOf(), timeRange.to.valueOf()];
  return <Timeline {...{ data, options, width, height, theme, from, to }} />;
}

function table({ data, options, width, height, fieldConfig, timeRange }: Drawn) {
  return (
    <TableNG
      data={data[options.frameIndex ?? 0] ?? data[0]}
      width={width}
      height={height}
      noHeader={options.showHeader === false}
      cellHeight={options.cellHeight}
      fieldConfig={fieldConfig}
      sortBy={options.sortBy}
      timeRange={timeRange}
      enableVirtualization={false}
      structureRev={1}
      transparent
    />
  );
}

function values({ data, fieldConfig, options, theme, replaceVariables }: Drawn): FieldDisplay[] {
  const reduceOptions = { calcs: ["lastNotNull"], values: false, ...options.reduceOptions };
  return getFieldDisplayValues({ data, fieldConfig, reduceOptions, theme, replaceVariables, timeZone: "utc" });
}

function stat(drawn: Drawn) {
  const { options, width, height, theme } = drawn;
  return (
    <VizRepeater
      getValues={() => values(drawn)}
      getAlignmentFactors={(all) => getDisplayValueAlignmentFactors(all)}
      renderValue={({ value, alignmentFactors, count, ...size }) => (
        <BigValue
          value={value.display}
          count={count}
          sparkline={options.graphMode === BigValueGraphMode.Area ? value.sparkline : undefined}
          colorMode={options.colorMode}
          graphMode={options.graphMode}
          justifyMode={options.justifyMode}
          textMode={options.textMode}
          alignmentFactors={alignmentFactors}
          text={options.text}
          theme={theme}
          width={size.width}
          height={size.height}
        />
      )}
      source={drawn.data}
      renderCounter={0}
      autoGrid
      itemSpacing={3}
      orientation={options.orientation ?? VizOrientation.Auto}
      width={width}
      height={height}
    />
  );
}

function bars(drawn: Drawn) {
  const { options, width, height, theme } = drawn;
  const orientation = options.orientation ?? VizOrientation.Auto;
  return (
    <VizRepeater
      getValues={() => values(drawn)}
      getAlignmentFactors={(all) => getDisplayValueAlignmentFactors(all)}
      renderValue={({ value, alignmentFactors, ...size }) => (
        <BarGauge
          value={value.display}
          display={value.view?.getFieldDisplayProcessor(value.colIndex ?? 0) ?? undefined}
          field={value.field}
          alignmentFactors={alignmentFactors}
          displayMode={options.displayMode ?? BarGaugeDisplayMode.Gradient}
          valueDisplayMode={options.valueMode ?? BarGaugeValueMode.Color}
          namePlacement={options.namePlacement}
          showUnfilled={options.showUnfilled ?? true}
          itemSpacing={10}
          lcdCellWidth={12}
          text={options.text}
          theme={theme}
          {...size}
        />
      )}
      source={drawn.data}
      renderCounter={0}
      minVizWidth={options.minVizWidth}
      minVizHeight={options.minVizHeight}
      maxVizHeight={options.sizing === "manual" ? options.maxVizHeight : undefined}
      itemSpacing={10}
      orientation={orientation}
      width={width}
      height={height}
    />
  );
}

function text({ options, replaceVariables }: Drawn) {
  const html = renderMarkdown(replaceVariables(options.content));
  return <div className="markdown-html" data-drawn="text" dangerouslySetInnerHTML={{ __html: html }} />;
}
