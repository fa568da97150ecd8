import { expect, test } from "vitest";
import { packTar } from "../tar.ts";
import { type BackupContents, packContents, readContents } from "./contents.ts";

const contents: BackupContents = {
  about: {
    schema: 1,
    createdAt: "2026-11-24T10:00:00.000Z",
    hostname: "bastion",
    clusterFile: "/etc/imagectl/cluster.yaml",
    folders: [
      { path: ".", mode: 0o755 },
      { path: "keys", mode: 0o700 },
    ],
  },
  state: [
    { path: "keys/agent_ed25519", mode: 0o600, content: "secret" },
    { path: "store/images/a.json", mode: 0o644, content: "{}" },
  ],
  cluster: [
    { path: "cluster.yaml", mode: 0o644, content: "cluster: lab\n" },
    { path: "roles/ours/files/etc/motd", mode: 0o755, content: "hello" },
  ],
};

test("what was packed is read, with its permissions", async () => {
  const read = await readContents(await packContents(contents));
  expect(read.about).toEqual(contents.about);
  for (const part of ["state", "cluster"] as const) {
    const asText = read[part].map((entry) => ({ ...entry, content: String(entry.content) }));
    expect(asText).toEqual(contents[part]);
  }
});

test("the same contents are the same bytes", async () => {
  const [one, other] = [await packContents(contents), await packContents(structuredClone(contents))];
  expect(Buffer.from(one).equals(Buffer.from(other))).toBe(true);
});

const about = (text: string) => packTar([{ path: "backup.json", mode: 0o600, content: text }]);

test("a later format is refused by its number", async () => {
  await expect(readContents(await about('{"schema": 2, "new": 1}'))).rejects.toMatchObject({
    code: "BACKUP_TOO_NEW",
    message: "the backup has format 2; this imagectl reads 1",
  });
});

test.each([
  ["no JSON", "nonsense"],
  ["no format", "{}"],
  ["a folder outside", JSON.stringify({ ...contents.about, folders: [{ path: "../etc", mode: 0o755 }] })],
  ["a folder from the root", JSON.stringify({ ...contents.about, folders: [{ path: "/etc", mode: 0o755 }] })],
  ["a set-uid folder", JSON.stringify({ ...contents.about, folders: [{ path: "a", mode: 0o4755 }] })],
])("%s is refused", async (_name, text) => {
  await expect(readContents(await about(text))).rejects.toMatchObject({ code: "BACKUP_DAMAGED" });
});

test("a tar without its description is refused", async () => {
  const bytes = await packTar([{ path: "state/keys/a", mode: 0o600, content: "" }]);
  await expect(readContents(bytes)).rejects.toThrow("backup.json is missing");
});
