// What Prometheus answered, as the frames of data that Grafana's data source makes of it.
import { type DataFrame, type Field, FieldType, toDataFrame } from "@grafana/data";

type Point = [number, number | null];

/** A query of a panel and its series; `legend` is what each is called, points are [Unix seconds, value]. */
export interface Answer {
  ref: string;
  table: boolean;
  /** Seconds between two points; 0 where there is one. */
  step: number;
  series: { legend: string; labels: Record<string, string>; points: Point[] }[];
}

/** Per series a frame; of tables one frame per query, with a column for each label. */
export function frames(answers: Answer[]): DataFrame[] {
  const tables = answers.filter(({ table }) => table);
  return answers.flatMap((answer) => {
    if (!answer.table) return answer.series.map((one) => lineFrame(answer, one));
    if (!answer.series.length) return [];
    return [tableFrame(answer, tables.length > 1 ? `Value #${answer.ref}` : "Value")];
  });
}

function lineFrame({ ref, step }: Answer, { legend, labels, points }: Answer["series"][number]): DataFrame {
  const all = withGaps(points, step);
  return toDataFrame({
    refId: ref,
    fields: [
      { name: "Time", type: FieldType.time, config: {}, values: all.map(([at]) => at * 1000) },
      {
        name: "Value",
        type: FieldType.number,
        config: { displayNameFromDS: legend },
        labels,
        values: all.map(([, value]) => value),
      },
    ],
  });
}

/** Where points are missing, one without a value: no line is drawn across. */
function withGaps(points: Point[], step: number): Point[] {
  return points.flatMap((point, place): Point[] => {
    const before = points[place - 1]?.[0] ?? point[0];
    return step && point[0] - before > 1.5 * step ? [[before + step, null], point] : [point];
  });
}

function tableFrame({ ref, series }: Answer, valueName: string): DataFrame {
  const names = [...new Set(series.flatMap(({ labels }) => Object.keys(labels)))].sort();
  const last = series.map(({ points }) => points[points.length - 1]);
  const fields: Partial<Field>[] = [
    { name: "Time", type: FieldType.time, values: last.map(([at]) => at * 1000) },
    ...names.map((name) => ({
      name,
      type: FieldType.string,
      config: { filterable: true },
      values: series.map(({ labels }) => labels[name] ?? ""),
    })),
    { name: valueName, type: FieldType.number, values: last.map(([, value]) => value) },
  ];
  return toDataFrame({ refId: ref, fields });
}

/** Whether there is a value to show. */
export function hasData(data: DataFrame[]): boolean {
  return data.some(({ length }) => length > 0);
}
