import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Auth } from '../auth.ts';
import type { Metrics } from '../metrics.ts';
import type { HttpGauges } from '../metrics/state.ts';
import { answer, HttpRefusal } from './answer.ts';

/** The page that a monitoring system reads. */
export class MetricsPage {
  readonly #metrics: Metrics | undefined;
  readonly #auth: Auth;
  readonly #gauges: HttpGauges;

  constructor(metrics: Metrics | undefined, auth: Auth, gauges: HttpGauges) {
    this.#metrics = metrics;
    this.#auth = auth;
    this.#gauges = gauges;
  }

  /** Sends it to whoever shows a token, of whatever role: it names pools and nobody. */
  async handle({ headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#metrics === undefined) throw new HttpRefusal(404, 'NOT_FOUND', 'no metrics here');
    if (this.#auth.authenticate(headers.authorization) === undefined) {
      const challenge = { 'www-authenticate': 'Bearer' };
      throw new HttpRefusal(401, 'UNAUTHENTICATED', 'a valid token is needed', challenge);
    }
    const { contentType } = this.#metrics;
    const text = await this.#metrics.page(this.#gauges);
    answer(response, 200, { 'content-type': contentType, 'cache-control': 'no-store' }, text);
  }
}
