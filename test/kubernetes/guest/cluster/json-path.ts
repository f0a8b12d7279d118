/** Fills in a kubectl `jsonpath` template: fields, `[*]`, numbers, equality filters, ranges. */
export function fillTemplate(template: string, data: unknown): string {
  return render(partsOf(template.replace(/^jsonpath=/, '')), data);
}

/** Text, or what stands in braces. */
interface Part {
  readonly text: string;
  readonly isCode: boolean;
}

function partsOf(template: string): Part[] {
  const whole = /[{]/.test(template) ? template : `{${template}}`;
  return [...whole.matchAll(/\{((?:"[^"]*"|[^}"])*)\}|([^{]+)/g)].map(([, code, text]) =>
    code === undefined ? { text: text ?? '', isCode: false } : { text: code.trim(), isCode: true },
  );
}

function render(parts: readonly Part[], data: unknown): string {
  let shown = '';
  for (let at = 0; at < parts.length; at += 1) {
    const part = parts[at] ?? { text: '', isCode: false };
    const path = part.isCode ? /^range\s+(.*)$/.exec(part.text)?.[1] : undefined;
    if (path === undefined) {
      shown += part.isCode ? show(part.text, data) : part.text;
      continue;
    }
    const end = endOfRange(parts, at);
    const body = parts.slice(at + 1, end);
    shown += find(path, data)
      .map((item) => render(body, item))
      .join('');
    at = end;
  }
  return shown;
}

function endOfRange(parts: readonly Part[], from: number): number {
  let depth = 0;
  for (let at = from; at < parts.length; at += 1) {
    const { text, isCode } = parts[at] ?? { text: '', isCode: false };
    if (isCode && /^range\s/.test(text)) depth += 1;
    if (isCode && text === 'end') depth -= 1;
    if (depth === 0) return at;
  }
  return parts.length;
}

function show(code: string, data: unknown): string {
  if (code.startsWith('"')) return JSON.parse(code) as string;
  return find(code, data).map(textOf).join(' ');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function find(path: string, data: unknown): unknown[] {
  const steps = path.replace(/^[$@]/, '').match(/\[\?\([^)]*\)\]|\[[^\]]*\]|\.?(?:\\.|[^.[\]])+/g);
  let found: unknown[] = [data];
  for (const step of steps ?? []) found = found.flatMap((value) => take(value, step));
  return found;
}

function take(value: unknown, step: string): unknown[] {
  if (step === '[*]' || step === '.*') return childrenOf(value);
  const filter = /^\[\?\(@\.([\w.]+)\s*==\s*["']?([^"')]*)["']?\)\]$/.exec(step);
  if (filter !== null) {
    const [, field = '', wanted] = filter;
    return childrenOf(value).filter((child) =>
      find(`.${field}`, child).some((v) => textOf(v) === wanted),
    );
  }
  const name = step.replace(/^\.|^\[['"]?|['"]?\]$/g, '').replaceAll('\\.', '.');
  if (typeof value !== 'object' || value === null) return [];
  const child = (value as Record<string, unknown>)[name];
  return child === undefined ? [] : [child];
}

function childrenOf(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value) : [];
}
