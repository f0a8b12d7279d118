/** To be filled. */
export default function SessionPage({ id }: { id: string }) {
  return <p className="card">{id}</p>;
}
