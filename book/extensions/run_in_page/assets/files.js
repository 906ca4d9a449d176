// Files for Python: fetched once, compared with their sums, and kept for when Python starts again.
export const files = {};

export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

export async function bring(wanted, tell) {
  if (!crypto.subtle) throw new Error("This page came over plain http, where a browser cannot compare files with their sums: open it over https.");
  const all = wanted.reduce((sum, { size }) => sum + size, 0);
  let there = 0;
  await Promise.all(wanted.map(async ({ name, address, sha256 }) => {
    if (files[name]) return;
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(`${address} cannot be had: ${answer.status}`);
    const pieces = [];
    for (const reader = answer.body.getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) break;
      pieces.push(value);
      tell(name, (there += value.length), all);
    }
    const file = new Blob(pieces);
    const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
    if ([...sum].map((byte) => byte.toString(16).padStart(2, "0")).join("") !== sha256) {
      throw new Error(`${address} is not the file that it should be: nothing of it is used`);
    }
    files[name] = file;
  }));
}
