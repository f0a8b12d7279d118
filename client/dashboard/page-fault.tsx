import { Component, type ReactNode } from 'react';

interface Failed {
  readonly error: unknown;
}

/**
 * Keeps a fault of one page from taking all of it down: the head stays, says whether what is shown
 * is live, and leads elsewhere.
 */
export class PageFault extends Component<
  { readonly children: ReactNode },
  { readonly failed: Failed | null }
> {
  override state: { readonly failed: Failed | null } = { failed: null };

  static getDerivedStateFromError(error: unknown): { readonly failed: Failed } {
    return { failed: { error } };
  }

  override render(): ReactNode {
    const { failed } = this.state;
    if (failed === null) return this.props.children;
    return (
      <section className="card" role="alert">
        <h1>This page has failed</h1>
        <p>
          That is a fault of ours, not of what it shows: {messageOf(failed)}. The other pages go on.
        </p>
        <p>
          <button type="button" className="link" onClick={() => this.setState({ failed: null })}>
            Try it again
          </button>
        </p>
      </section>
    );
  }
}

function messageOf({ error }: Failed): string {
  return error instanceof Error ? error.message : String(error);
}
