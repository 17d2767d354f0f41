/** Rejects when what is waited for does not come in time; `state` says how things stand then. Default 20 s: a busy machine takes its time. */
export async function waitAtMost<T>(waited: Promise<T>, what: string, timeoutMs = 20_000, state: () => string = () => ""): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms in vain for ${what}\n${state()}`)), timeoutMs);
  });
  return Promise.race([waited, late]).finally(() => clearTimeout(timer));
}
