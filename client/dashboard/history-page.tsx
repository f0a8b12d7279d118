/** To be filled. */
export default function HistoryPage() {
  return <p className="card">HistoryPage</p>;
}
