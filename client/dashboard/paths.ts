/** Where each page is; the server answers all of them with the same document. */
export const paths = {
  overview: '/',
  pool: (name: string) => `/pools/${encodeURIComponent(name)}`,
  newPool: '/new-pool',
  sessions: '/sessions',
  session: (id: string) => `/sessions/${encodeURIComponent(id)}`,
  saved: '/saved',
  history: '/history',
  /** The history of one thing. */
  historyOf: (id: string) => `/history?id=${encodeURIComponent(id)}`,
  /** One stream of one VM, in a document of its own. */
  console: (vmId: string, kind: string) =>
    `/console?vm=${encodeURIComponent(vmId)}&kind=${encodeURIComponent(kind)}`,
  playground: '/playground',
} as const;
