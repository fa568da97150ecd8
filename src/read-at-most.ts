/** The body of an answer from somewhere else, which may be endless. */

/** @throws Error when it is longer; the rest is not read. */
export async function readAtMost(response: Response, bytes: number): Promise<string> {
  return (await readBytesAtMost(response, bytes)).toString("utf8");
}

/** @throws Error when it is longer; the rest is not read. */
export async function readBytesAtMost(response: Response, bytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > bytes) throw new Error(`the answer is longer than ${bytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
