import { SyntaxFault, type Piece, type Word } from './syntax.ts';

/** A token of a script. A word in which nothing is quoted or expanded also has its text. */
export type Token =
  | { readonly kind: 'WORD'; readonly word: Word; readonly plain: string | undefined }
  | { readonly kind: 'OPERATOR'; readonly text: string }
  /** `2>`, `<`, `>&` and the like; a here-document has its text with it. */
  | {
      readonly kind: 'REDIRECTION';
      readonly fd: number;
      readonly how: string;
      readonly text?: Word;
    }
  | { readonly kind: 'LINE' };

const OPERATORS = ['&&', '||', ';;', ';', '&', '|', '(', ')'];

/** Splits a script into tokens. */
export function tokensOf(source: string): Token[] {
  const lexer = new Lexer(source.replaceAll('\\\n', ''));
  return lexer.run();
}

/** The pieces of a text in which quotes mean nothing, as in a here-document. */
export function piecesOfText(text: string): Word {
  return new Lexer(text).unquotedBody();
}

interface Awaited {
  readonly index: number;
  readonly end: string;
  readonly literal: boolean;
  readonly stripTabs: boolean;
}

class Lexer {
  private at = 0;
  private readonly source: string;
  private readonly tokens: Token[] = [];
  private awaited: Awaited[] = [];

  constructor(source: string) {
    this.source = source;
  }

  run(): Token[] {
    while (this.at < this.source.length) this.next();
    this.tokens.push({ kind: 'LINE' });
    return this.tokens;
  }

  unquotedBody(): Word {
    const pieces: Piece[] = [];
    while (this.at < this.source.length) this.quotedPart(pieces, '');
    return pieces;
  }

  private next(): void {
    const char = this.source[this.at] ?? '';
    if (char === '\n') return this.lineEnd();
    if (char === ' ' || char === '\t' || char === '\r') return void (this.at += 1);
    if (char === '#') return this.comment();
    const redirection = /^(\d*)(<<-|<<|>>|>&|<&|>\||&>|>|<)/.exec(
      this.source.slice(this.at, this.at + 8),
    );
    if (redirection !== null) return this.redirection(redirection);
    const operator = OPERATORS.find((text) => this.source.startsWith(text, this.at));
    if (operator === undefined) return void this.tokens.push(this.word());
    this.at += operator.length;
    this.tokens.push({ kind: 'OPERATOR', text: operator });
  }

  private comment(): void {
    const end = this.source.indexOf('\n', this.at);
    this.at = end < 0 ? this.source.length : end;
  }

  private lineEnd(): void {
    this.at += 1;
    this.tokens.push({ kind: 'LINE' });
    for (const awaited of this.awaited) this.hereDocument(awaited);
    this.awaited = [];
  }

  private redirection([whole, digits = '', how = '']: RegExpExecArray): void {
    this.at += whole.length;
    const fd = digits === '' ? (how.startsWith('<') ? 0 : 1) : Number(digits);
    if (!how.startsWith('<<')) return void this.tokens.push({ kind: 'REDIRECTION', fd, how });
    while (this.source[this.at] === ' ') this.at += 1;
    const { word } = this.word();
    const end = word.map((piece) => (piece.kind === 'TEXT' ? piece.text : '')).join('');
    const literal = word.some((piece) => piece.quoted);
    const index = this.tokens.length;
    this.tokens.push({ kind: 'REDIRECTION', fd, how: '<<' });
    this.awaited.push({ index, end, literal, stripTabs: how === '<<-' });
  }

  private hereDocument({ index, end, literal, stripTabs }: Awaited): void {
    const lines: string[] = [];
    for (;;) {
      if (this.at >= this.source.length) break;
      const stop = this.source.indexOf('\n', this.at);
      const line = this.source.slice(this.at, stop < 0 ? undefined : stop);
      this.at = stop < 0 ? this.source.length : stop + 1;
      const shown = stripTabs ? line.replace(/^\t+/, '') : line;
      if (shown === end) break;
      lines.push(`${shown}\n`);
    }
    const body = lines.join('');
    const text: Word = literal ? [{ kind: 'TEXT', text: body, quoted: true }] : piecesOfText(body);
    this.tokens[index] = { kind: 'REDIRECTION', fd: 0, how: '<<', text };
  }

  private word(): Token & { kind: 'WORD' } {
    const pieces: Piece[] = [];
    while (this.at < this.source.length) {
      const char = this.source[this.at] ?? '';
      if (/[\s;&|()<>]/.test(char)) break;
      this.wordPart(pieces, char);
    }
    const isPlain = pieces.every((piece) => piece.kind === 'TEXT' && !piece.quoted);
    const text = pieces.map((piece) => (piece.kind === 'TEXT' ? piece.text : '')).join('');
    return { kind: 'WORD', word: pieces, plain: isPlain ? text : undefined };
  }

  private wordPart(pieces: Piece[], char: string): void {
    if (char === "'") return this.singleQuoted(pieces);
    if (char === '"') return this.doubleQuoted(pieces);
    if (char === '$') return this.dollar(pieces, false);
    if (char === '`') return this.backTicks(pieces, false);
    if (char !== '\\') return this.text(pieces, char, false);
    this.at += 1;
    this.text(pieces, this.source[this.at] ?? '', true);
  }

  private text(pieces: Piece[], char: string, quoted: boolean): void {
    this.at += 1;
    const last = pieces.at(-1);
    if (last?.kind === 'TEXT' && last.quoted === quoted) {
      pieces[pieces.length - 1] = { ...last, text: last.text + char };
    } else {
      pieces.push({ kind: 'TEXT', text: char, quoted });
    }
  }

  private singleQuoted(pieces: Piece[]): void {
    const end = this.source.indexOf("'", this.at + 1);
    if (end < 0) throw new SyntaxFault('unterminated quoted string');
    pieces.push({ kind: 'TEXT', text: this.source.slice(this.at + 1, end), quoted: true });
    this.at = end + 1;
  }

  private doubleQuoted(pieces: Piece[]): void {
    this.at += 1;
    pieces.push({ kind: 'TEXT', text: '', quoted: true });
    while (this.source[this.at] !== '"') {
      if (this.at >= this.source.length) throw new SyntaxFault('unterminated quoted string');
      this.quotedPart(pieces, '"');
    }
    this.at += 1;
  }

  /** One character or expansion between double quotes. */
  private quotedPart(pieces: Piece[], quote: string): void {
    const char = this.source[this.at] ?? '';
    if (char === '$') return this.dollar(pieces, true);
    if (char === '`') return this.backTicks(pieces, true);
    const escaped = this.source[this.at + 1] ?? '';
    const isEscape = char === '\\' && escaped !== '' && `$\`\\${quote}`.includes(escaped);
    if (isEscape) this.at += 1;
    this.text(pieces, isEscape ? escaped : char, true);
  }

  private dollar(pieces: Piece[], quoted: boolean): void {
    const rest = this.source.slice(this.at);
    if (rest.startsWith('$((')) {
      const source = this.balanced(this.at + 1).slice(1, -1);
      return void pieces.push({ kind: 'SUM', source, quoted });
    }
    if (rest.startsWith('$(')) {
      return void pieces.push({ kind: 'COMMAND', source: this.balanced(this.at + 1), quoted });
    }
    if (rest.startsWith('${')) {
      return void pieces.push({ kind: 'VARIABLE', expression: this.balanced(this.at + 1), quoted });
    }
    const name = /^\$([A-Za-z_]\w*|[0-9@*#?$!-])/.exec(rest);
    if (name === null) return this.text(pieces, '$', quoted);
    this.at += name[0].length;
    pieces.push({ kind: 'VARIABLE', expression: name[1] ?? '', quoted });
  }

  /** What is between a bracket and the one that closes it; goes on behind that. */
  private balanced(open: number): string {
    const [opening, closing] = this.source[open] === '{' ? ['{', '}'] : ['(', ')'];
    let depth = 0;
    let quote = '';
    for (let at = open; at < this.source.length; at += 1) {
      const char = this.source[at] ?? '';
      if (quote === '' && (char === "'" || char === '"')) quote = char;
      else if (char === quote) quote = '';
      else if (char === '\\') at += 1;
      else if (quote !== "'" && char === opening) depth += 1;
      else if (quote !== "'" && char === closing) depth -= 1;
      if (depth > 0) continue;
      this.at = at + 1;
      return this.source.slice(open + 1, at);
    }
    throw new SyntaxFault(`"${closing}" expected`);
  }

  private backTicks(pieces: Piece[], quoted: boolean): void {
    const end = this.source.indexOf('`', this.at + 1);
    if (end < 0) throw new SyntaxFault('EOF in backquote substitution');
    pieces.push({ kind: 'COMMAND', source: this.source.slice(this.at + 1, end), quoted });
    this.at = end + 1;
  }
}
