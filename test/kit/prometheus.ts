/** One family of metrics on a page. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

/** One line of a page with a value. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = /^[a-z_:][a-z0-9_:]*$/;
const TYPES = ['counter', 'gauge', 'histogram', 'summary'];
const LINE = /^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (-?[0-9.]+(?:e[+-]?\d+)?|[+-]Inf|Nan)$/;
const LABEL = /^([a-z_][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/;

/**
 * Reads a page in the text format of Prometheus, and throws at whatever is not just so: a family
 * without HELP or TYPE, in two places, or with a sample twice; a histogram whose buckets fall, or
 * do not end with its count.
 */
export function parsePage(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the page does not end with a line');
  const families = new Map<string, Family & { samples: Sample[] }>();
  let present: (Family & { samples: Sample[] }) | undefined;
  let help: readonly [string, string] | undefined;
  for (const line of text.split('\n').filter(Boolean)) {
    const [, word, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (word === 'HELP') {
      help = [name, rest];
    } else if (word === 'TYPE') {
      present = { name, help: help?.[1] ?? '', type: rest, samples: [] };
      assertFamily(present, help?.[0], families.has(name));
      families.set(name, present);
    } else {
      present?.samples.push(parseSample(line, present));
      if (present === undefined) throw new Error(`before any family: ${line}`);
    }
  }
  for (const family of families.values()) assertSamples(family);
  return families;
}

function assertFamily({ name, type }: Family, helped: string | undefined, isTwice: boolean): void {
  if (!NAME.test(name) || !TYPES.includes(type)) throw new Error(`no such thing: ${name} ${type}`);
  if (helped !== name) throw new Error(`${name} has no HELP`);
  if (isTwice) throw new Error(`${name} is there twice`);
}

function parseSample(line: string, family: Family): Sample {
  const [, name = '', inside = '', value = ''] = LINE.exec(line) ?? [];
  const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
  const all = family.type === 'summary' ? ['', '_sum', '_count'] : suffixes;
  if (!all.some((suffix) => name === family.name + suffix)) {
    throw new Error(`not a line of ${family.name}: ${line}`);
  }
  return { name, labels: parseLabels(inside), value: parseValue(value) };
}

function parseValue(text: string): number {
  if (text.endsWith('Inf')) return text.startsWith('-') ? -Infinity : Infinity;
  return text === 'Nan' ? Number.NaN : Number(text);
}

function parseLabels(inside: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (let rest = inside; rest !== '';) {
    const [whole, name, value] = LABEL.exec(rest) ?? [];
    if (whole === undefined || name === undefined) throw new Error(`not labels: ${inside}`);
    if (name in labels) throw new Error(`label ${name} twice: ${inside}`);
    labels[name] = value ?? '';
    rest = rest.slice(whole.length);
  }
  return labels;
}

function assertSamples({ name, type, samples }: Family): void {
  const seen = new Set(
    samples.map((sample) => JSON.stringify([sample.name, keyOf(sample.labels)])),
  );
  if (seen.size !== samples.length) throw new Error(`${name} has a sample twice`);
  if (type === 'counter' && samples.some(({ value }) => !(value >= 0))) {
    throw new Error(`${name} counts below nothing`);
  }
  if (type !== 'histogram') return;
  const series = Map.groupBy(samples, ({ labels }) => keyOf({ ...labels, le: '' }));
  for (const one of series.values()) assertHistogram(name, one);
}

function assertHistogram(name: string, samples: readonly Sample[]): void {
  const buckets = samples.filter((sample) => sample.name === `${name}_bucket`);
  const bounds = buckets.map(({ labels }) => parseValue(labels['le'] ?? ''));
  const rises = (list: readonly number[]) =>
    list.every((n, i) => i === 0 || n >= (list[i - 1] ?? 0));
  if (!rises(bounds) || !rises(buckets.map(({ value }) => value))) {
    throw new Error(`the buckets of ${name} fall`);
  }
  const count = samples.find((sample) => sample.name === `${name}_count`)?.value;
  if (bounds.at(-1) !== Infinity || buckets.at(-1)?.value !== count) {
    throw new Error(`the last bucket of ${name} is not its count`);
  }
  if (!samples.some((sample) => sample.name === `${name}_sum`)) throw new Error(`${name}: no sum`);
}

function keyOf(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
