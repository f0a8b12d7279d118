import { Duplex } from 'node:stream';

/** Two ends of a connection in memory: what one writes the other reads; both close together. */
export function connectionPair(): [near: Duplex, far: Duplex] {
  const near = new End();
  const far = new End();
  near.other = far;
  far.other = near;
  return [near, far];
}

class End extends Duplex {
  other: End | undefined;
  /** Calls the writer back when the reader wants more. */
  private goOn: (() => void) | undefined;

  constructor() {
    super({ allowHalfOpen: false });
  }

  override _read(): void {
    const { goOn } = this;
    this.goOn = undefined;
    goOn?.();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    const { other } = this;
    if (other === undefined || other.destroyed) return done();
    if (other.push(chunk)) done();
    else other.goOn = done;
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.other?.destroyed === false) this.other.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const { other, goOn } = this;
    this.goOn = undefined;
    goOn?.();
    done(error);
    if (other?.destroyed === false) other.hangUp();
  }

  /** The other side is gone: what came before can still be read. */
  private hangUp(): void {
    this.push(null);
    this.end();
    // Nobody may ever read it to its end.
    if (this.readableLength === 0) this.destroy();
    else this.once('end', () => this.destroy());
  }
}
