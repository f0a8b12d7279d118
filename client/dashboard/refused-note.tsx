import { useLive } from './live.ts';

/**
 * Says that the server refuses to tell this page what happens, so that nothing on it goes on: that
 * is for good, and mostly because the server was updated while the page was open.
 */
export function RefusedNote() {
  const refusal = useLive((view) => view.refusal);
  if (refusal === null) return null;
  return (
    <section className="card" role="alert" aria-label="Not live">
      <p>
        <strong>What is shown here is no longer kept up to date.</strong> The server does not accept
        what this page asks of it ({refusal}): most likely it was updated, and this page is older.
      </p>
      <p>
        <button type="button" className="link" onClick={() => window.location.reload()}>
          Load the page anew
        </button>
      </p>
    </section>
  );
}
