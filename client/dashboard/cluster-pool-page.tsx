/** To be filled. */
export default function ClusterPoolPage({ name }: { name: string }) {
  return <p className="card">{name}</p>;
}
