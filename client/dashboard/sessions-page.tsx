/** To be filled. */
export default function SessionsPage() {
  return <p className="card">SessionsPage</p>;
}
