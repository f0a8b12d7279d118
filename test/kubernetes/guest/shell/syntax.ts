/** A piece of a word, before it is expanded. */
export type Piece =
  | { readonly kind: 'TEXT'; readonly text: string; readonly quoted: boolean }
  | { readonly kind: 'VARIABLE'; readonly expression: string; readonly quoted: boolean }
  | { readonly kind: 'COMMAND'; readonly source: string; readonly quoted: boolean }
  | { readonly kind: 'SUM'; readonly source: string; readonly quoted: boolean };

/** A word: its pieces stand without space between them. */
export type Word = readonly Piece[];

/** Where a file descriptor goes to or comes from. */
export interface Redirection {
  readonly fd: number;
  readonly how: '<' | '>' | '>>' | '>&' | '<<';
  readonly to: Word;
}

/** What separates two commands of a list. */
export type Joint = ';' | '&' | '&&' | '||';

/** A command of a script. */
export type Command =
  | {
      readonly kind: 'SIMPLE';
      readonly assignments: readonly (readonly [name: string, value: Word])[];
      readonly words: readonly Word[];
      readonly redirections: readonly Redirection[];
    }
  | { readonly kind: 'PIPE'; readonly parts: readonly Command[]; readonly not: boolean }
  | { readonly kind: 'LIST'; readonly items: readonly ListItem[] }
  | { readonly kind: 'IF'; readonly arms: readonly Arm[]; readonly otherwise?: Command }
  | {
      readonly kind: 'LOOP';
      readonly until: boolean;
      readonly when: Command;
      readonly body: Command;
    }
  | {
      readonly kind: 'FOR';
      readonly name: string;
      readonly words: readonly Word[];
      readonly body: Command;
    }
  | { readonly kind: 'CASE'; readonly word: Word; readonly arms: readonly CaseArm[] }
  | { readonly kind: 'FUNCTION'; readonly name: string; readonly body: Command }
  | {
      readonly kind: 'GROUP';
      readonly body: Command;
      readonly apart: boolean;
      readonly redirections: readonly Redirection[];
    };

/** A command of a list, and what comes after it. */
export interface ListItem {
  readonly command: Command;
  readonly joint: Joint;
}

/** A condition and what is done when it holds. */
export interface Arm {
  readonly when: Command;
  readonly body: Command;
}

/** Patterns and what is done when one fits. */
export interface CaseArm {
  readonly patterns: readonly Word[];
  readonly body: Command;
}

/** A text that is no script. */
export class SyntaxFault extends Error {
  override readonly name = 'SyntaxFault';
}
