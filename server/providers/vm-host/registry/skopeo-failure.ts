import { ProviderError } from '../../provider.ts';
import { BadContent } from './bundle.ts';

/** What a message of skopeo means: the first that fits counts. */
const MEANINGS: readonly {
  readonly pattern: RegExp;
  readonly says: string;
  readonly retryable: boolean;
  /** Whether what came is bad, not the way it came. */
  readonly isContent?: boolean;
}[] = [
  {
    pattern: /no space left on device|disk quota exceeded/i,
    says: 'the disk of this machine is full',
    retryable: true,
  },
  {
    pattern: /digest did not match|doesn't match digest|does not match digest|size mismatch/i,
    says: 'the registry sent something else than its digest says, which was refused',
    retryable: false,
    isContent: true,
  },
  {
    pattern: /manifest unknown|manifest_unknown/i,
    says: 'the registry has no such tag or digest',
    retryable: false,
  },
  {
    pattern: /name unknown|name_unknown|repository name not known|tags list:.* 404/i,
    says: 'the registry has no such repository',
    retryable: false,
  },
  {
    pattern: /authfile|reading JSON file|auth\.json/i,
    says: 'the file of SNAPYARD_REGISTRY_AUTH cannot be used',
    retryable: false,
  },
  {
    pattern: /unauthorized|authentication required|denied|forbidden|status:? (code )?40[13]/i,
    says: 'the registry refuses us; SNAPYARD_REGISTRY_AUTH names the file of credentials',
    retryable: false,
  },
  {
    pattern: /x509|server gave HTTP response to HTTPS|certificate/i,
    says: 'the registry cannot prove by TLS who it is',
    retryable: false,
  },
  {
    pattern: /too many requests|toomanyrequests/i,
    says: 'the registry asks us to come back later',
    retryable: true,
  },
  {
    pattern:
      /connection refused|no such host|timeout|timed out|no route to host|server misbehaving/i,
    says: 'the registry does not answer',
    retryable: true,
  },
  {
    pattern: /connection reset|broken pipe|unexpected EOF|: EOF|status:? (code )?5\d\d/i,
    says: 'the registry broke off',
    retryable: true,
  },
  {
    pattern: /signature|policy/i,
    says: 'the signature policy of this machine refuses it',
    retryable: false,
  },
];

const MOST_TEXT = 240;

/** What skopeo printed as it failed, as one sentence and whether another try may help. */
export function skopeoFailure(what: string, stderr: string): ProviderError {
  const said = withoutSecrets(lastMessage(stderr));
  const meaning = MEANINGS.find(({ pattern }) => pattern.test(said));
  const short = said.length > MOST_TEXT ? `…${said.slice(-MOST_TEXT)}` : said;
  const reason = meaning === undefined ? `skopeo says: ${short}` : `${meaning.says} (${short})`;
  if (meaning?.isContent === true) return new BadContent(`${what}: ${reason}`);
  return new ProviderError(`${what}: ${reason}`, { retryable: meaning?.retryable ?? true });
}

/** The message of the last line of its log; all of it where there is none. */
function lastMessage(stderr: string): string {
  const messages = [...stderr.matchAll(/level=(?:fatal|error) msg=("(?:[^"\\]|\\.)*"|\S+)/g)];
  const last = messages.at(-1)?.[1] ?? stderr.trim();
  const text = last.startsWith('"') ? unquoted(last) : last;
  return text.replaceAll(/\s+/g, ' ') || 'it ended without a word';
}

function unquoted(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text.slice(1, -1);
  }
}

/** Registries hand out addresses that open blobs for whoever holds them, and tokens. */
function withoutSecrets(text: string): string {
  return text
    .replaceAll(/\b(https?:\/\/)[^\s/"@]*@/gi, '$1')
    .replaceAll(/(\bhttps?:\/\/[^\s"?]*)\?[^\s"]*/gi, '$1?…')
    .replaceAll(/\b(basic|bearer)\s+[\w.~+/=-]{8,}/gi, '$1 …')
    .replaceAll(/(\w*(?:password|token|secret|auth)"?\s*[:=]\s*"?)[^\s",]+/gi, '$1…');
}
