import { tokensOf, type Token } from './lexer.ts';
import {
  SyntaxFault,
  type Arm,
  type CaseArm,
  type Command,
  type Joint,
  type ListItem,
  type Redirection,
  type Word,
} from './syntax.ts';

/** Reads a script; throws `SyntaxFault` where it is none. */
export function parseScript(source: string): Command {
  const parser = new Parser(tokensOf(source));
  return parser.whole();
}

const ENDS = new Set(['then', 'else', 'elif', 'fi', 'do', 'done', 'esac', '}']);

class Parser {
  private at = 0;
  private readonly tokens: readonly Token[];

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  whole(): Command {
    const list = this.list();
    const left = this.tokens[this.at];
    if (left !== undefined) throw new SyntaxFault(`${nameOf(left)} unexpected`);
    return list;
  }

  private list(): Command {
    const items: ListItem[] = [];
    this.skipLines();
    while (!this.isAtEnd()) {
      const command = this.pipeline();
      items.push({ command, joint: this.joint() });
      this.skipLines();
    }
    return { kind: 'LIST', items };
  }

  private joint(): Joint {
    const token = this.tokens[this.at];
    if (token?.kind !== 'OPERATOR' || !['&&', '||', ';', '&'].includes(token.text)) return ';';
    this.at += 1;
    return token.text as Joint;
  }

  private isAtEnd(): boolean {
    const token = this.tokens[this.at];
    if (token === undefined) return true;
    if (token.kind === 'OPERATOR') return token.text === ')' || token.text === ';;';
    return token.kind === 'WORD' && token.plain !== undefined && ENDS.has(token.plain);
  }

  private skipLines(): void {
    while (this.tokens[this.at]?.kind === 'LINE') this.at += 1;
  }

  private pipeline(): Command {
    const not = this.take('!');
    const parts = [this.command()];
    while (this.takeOperator('|')) {
      this.skipLines();
      parts.push(this.command());
    }
    const [only] = parts;
    return !not && parts.length === 1 && only !== undefined ? only : { kind: 'PIPE', parts, not };
  }

  private command(): Command {
    if (this.takeOperator('(')) return this.group(() => this.expectOperator(')'), true);
    if (this.take('{')) return this.group(() => this.expect('}'), false);
    if (this.take('if')) return this.withRedirections(this.conditional());
    if (this.take('while')) return this.withRedirections(this.loop(false));
    if (this.take('until')) return this.withRedirections(this.loop(true));
    if (this.take('for')) return this.withRedirections(this.forEach());
    if (this.take('case')) return this.withRedirections(this.choice());
    return this.definition() ?? this.simple();
  }

  private group(close: () => void, apart: boolean): Command {
    const body = this.list();
    close();
    return { kind: 'GROUP', body, apart, redirections: this.redirections() };
  }

  private withRedirections(body: Command): Command {
    const redirections = this.redirections();
    return redirections.length === 0 ? body : { kind: 'GROUP', body, apart: false, redirections };
  }

  private conditional(): Command {
    const arms: Arm[] = [];
    do {
      const when = this.list();
      this.expect('then');
      arms.push({ when, body: this.list() });
    } while (this.take('elif'));
    const otherwise = this.take('else') ? this.list() : undefined;
    this.expect('fi');
    return otherwise === undefined ? { kind: 'IF', arms } : { kind: 'IF', arms, otherwise };
  }

  private loop(until: boolean): Command {
    const when = this.list();
    return { kind: 'LOOP', until, when, body: this.body() };
  }

  private body(): Command {
    this.skipLines();
    this.expect('do');
    const body = this.list();
    this.expect('done');
    return body;
  }

  private forEach(): Command {
    const name = this.name();
    this.skipLines();
    const words: Word[] = [];
    if (this.take('in')) this.wordsInto(words);
    else words.push([{ kind: 'VARIABLE', expression: '@', quoted: true }]);
    this.takeOperator(';');
    return { kind: 'FOR', name, words, body: this.body() };
  }

  private wordsInto(words: Word[]): void {
    for (let token = this.tokens[this.at]; token?.kind === 'WORD'; token = this.tokens[this.at]) {
      words.push(token.word);
      this.at += 1;
    }
  }

  private choice(): Command {
    const word = this.word();
    this.skipLines();
    this.expect('in');
    const arms: CaseArm[] = [];
    this.skipLines();
    while (!this.take('esac')) {
      this.takeOperator('(');
      const patterns = [this.word()];
      while (this.takeOperator('|')) patterns.push(this.word());
      this.expectOperator(')');
      arms.push({ patterns, body: this.list() });
      this.takeOperator(';;');
      this.skipLines();
    }
    return { kind: 'CASE', word, arms };
  }

  private definition(): Command | undefined {
    const [name, open, close] = this.tokens.slice(this.at, this.at + 3);
    const isOne =
      name?.kind === 'WORD' &&
      open?.kind === 'OPERATOR' &&
      open.text === '(' &&
      close?.kind === 'OPERATOR' &&
      close.text === ')';
    if (!isOne || name.plain === undefined) return undefined;
    this.at += 3;
    this.skipLines();
    return { kind: 'FUNCTION', name: name.plain, body: this.command() };
  }

  private simple(): Command {
    const assignments: [string, Word][] = [];
    const words: Word[] = [];
    const redirections: Redirection[] = [];
    for (;;) {
      redirections.push(...this.redirections());
      const token = this.tokens[this.at];
      if (token?.kind !== 'WORD') break;
      this.at += 1;
      const assignment = words.length === 0 ? assignmentOf(token.word) : undefined;
      if (assignment === undefined) words.push(token.word);
      else assignments.push(assignment);
    }
    if (words.length + assignments.length + redirections.length === 0) {
      throw new SyntaxFault(`${nameOf(this.tokens[this.at])} unexpected`);
    }
    return { kind: 'SIMPLE', assignments, words, redirections };
  }

  private redirections(): Redirection[] {
    const found: Redirection[] = [];
    for (;;) {
      const token = this.tokens[this.at];
      if (token?.kind !== 'REDIRECTION') return found;
      this.at += 1;
      const to = token.text ?? this.word();
      found.push(...redirectionsOf(token.fd, token.how, to));
    }
  }

  private word(): Word {
    const token = this.tokens[this.at];
    if (token?.kind !== 'WORD') throw new SyntaxFault(`${nameOf(token)} unexpected`);
    this.at += 1;
    return token.word;
  }

  private name(): string {
    const token = this.tokens[this.at];
    if (token?.kind !== 'WORD' || token.plain === undefined)
      throw new SyntaxFault('Bad for loop variable');
    this.at += 1;
    return token.plain;
  }

  private take(plain: string): boolean {
    const token = this.tokens[this.at];
    if (token?.kind !== 'WORD' || token.plain !== plain) return false;
    this.at += 1;
    return true;
  }

  private takeOperator(text: string): boolean {
    const token = this.tokens[this.at];
    if (token?.kind !== 'OPERATOR' || token.text !== text) return false;
    this.at += 1;
    return true;
  }

  private expect(plain: string): void {
    if (!this.take(plain)) {
      throw new SyntaxFault(`${nameOf(this.tokens[this.at])} unexpected (expecting "${plain}")`);
    }
  }

  private expectOperator(text: string): void {
    if (!this.takeOperator(text)) {
      throw new SyntaxFault(`${nameOf(this.tokens[this.at])} unexpected (expecting "${text}")`);
    }
  }
}

function redirectionsOf(fd: number, how: string, to: Word): Redirection[] {
  if (how === '&>') {
    const both: Word = [{ kind: 'TEXT', text: '1', quoted: false }];
    return [
      { fd: 1, how: '>', to },
      { fd: 2, how: '>&', to: both },
    ];
  }
  if (how === '>|') return [{ fd, how: '>', to }];
  if (how === '<&') return [{ fd, how: '>&', to }];
  return how === '<' || how === '>' || how === '>>' || how === '>&' || how === '<<'
    ? [{ fd, how, to }]
    : [];
}

function assignmentOf(word: Word): [string, Word] | undefined {
  const [first, ...rest] = word;
  if (first?.kind !== 'TEXT' || first.quoted) return undefined;
  const found = /^([A-Za-z_]\w*)=/.exec(first.text);
  if (found === null) return undefined;
  return [found[1] ?? '', [{ ...first, text: first.text.slice(found[0].length) }, ...rest]];
}

function nameOf(token: Token | undefined): string {
  if (token === undefined) return 'end of file';
  if (token.kind === 'LINE') return 'newline';
  if (token.kind === 'OPERATOR') return `"${token.text}"`;
  return token.kind === 'WORD' ? `"${token.plain ?? 'word'}"` : 'redirection';
}
