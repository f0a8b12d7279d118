/** To be filled. */
export default function SavedPage() {
  return <p className="card">SavedPage</p>;
}
