/** This machine's apt sources, read and turned to another suite. */
import { describe, expect, test } from "vitest";
import {
  archiveLine,
  catalogueSources,
  deriveSources,
  networkConfig,
  parseDeb822,
  parseOneLine,
} from "./apt-sources.ts";
import { findOperatingSystem } from "./catalogue.ts";

const debian12 = findOperatingSystem("debian-12");
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** As the Debian 12 installer and its container images write it. */
const stanzas = `Types: deb deb-src
# a comment inside of a stanza
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main
Signed-By: ${keyring}

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: https://vendor.example/apt
Suites: nodistro
Components: main
`;

describe("deb822", () => {
  test("stanzas, comments and lists of words", () => {
    const sources = parseDeb822(stanzas);
    expect(sources).toHaveLength(3);
    expect(sources[0]).toEqual({
      types: ["deb", "deb-src"],
      uris: ["http://mirror.example/debian"],
      suites: ["bookworm", "bookworm-updates", "bookworm-backports"],
      components: ["main"],
      signedBy: keyring,
      isEnabled: true,
    });
  });

  test("a field that goes on over lines, a disabled stanza, an embedded key", () => {
    const text =
      "Types: deb\nURIs: http://a.example\n http://b.example\nSuites: bookworm\nEnabled: no\nSigned-By:\n -----BEGIN PGP\n .\n";
    expect(parseDeb822(text)).toEqual([
      {
        types: ["deb"],
        uris: ["http://a.example", "http://b.example"],
        suites: ["bookworm"],
        components: [],
        signedBy: undefined,
        isEnabled: false,
      },
    ]);
  });

  test("an empty file has no sources", () => {
    expect(parseDeb822("")).toEqual([]);
    expect(parseDeb822("# nothing\n\n")).toEqual([]);
  });
});

describe("one-line format", () => {
  test("options, comments, and lines that are none", () => {
    const text = `# deb http://off.example bookworm main
deb [arch=amd64 signed-by=${keyring}] http://mirror.example/debian bookworm main contrib # why
deb-src http://mirror.example/debian bookworm main
deb http://flat.example ./
`;
    expect(parseOneLine(text)).toEqual([
      {
        types: ["deb"],
        uris: ["http://mirror.example/debian"],
        suites: ["bookworm"],
        components: ["main", "contrib"],
        signedBy: keyring,
        isEnabled: true,
      },
      expect.objectContaining({ types: ["deb-src"] }),
      expect.objectContaining({ uris: ["http://flat.example"], suites: ["./"], components: [] }),
    ]);
  });
});

test("archives of others believe their own keys alone", () => {
  const archive = { name: "tools", uri: "https://a.example/deb", key: "k" };
  expect(archiveLine({ ...archive, suite: "stable", components: ["main", "extra"] }, "/keys/tools.asc")).toBe(
    "deb [signed-by=/keys/tools.asc] https://a.example/deb stable main extra",
  );
  expect(archiveLine({ ...archive, suite: "./", components: [] }, "/keys/tools.asc")).toBe(
    "deb [signed-by=/keys/tools.asc] https://a.example/deb ./",
  );
});

describe("turned to an OS", () => {
  test("the machine's mirrors, with the components that the OS needs", () => {
    expect(deriveSources(parseDeb822(stanzas), debian12)).toEqual([
      `deb [signed-by=${keyring}] http://mirror.example/debian bookworm main non-free-firmware`,
      `deb [signed-by=${keyring}] http://mirror.example/debian bookworm-updates main non-free-firmware`,
      `deb [signed-by=${keyring}] http://mirror.example/debian-security bookworm-security main non-free-firmware`,
    ]);
  });

  test("a machine of the next release: the same mirror, our suite", () => {
    const trixie = parseOneLine("deb http://mirror.example/debian trixie main\n");
    expect(deriveSources(trixie, debian12)).toEqual([
      `deb [signed-by=${keyring}] http://mirror.example/debian bookworm main non-free-firmware`,
    ]);
  });

  test.each([
    ["no sources at all", ""],
    ["another distribution", "deb http://ubuntu.example/ubuntu jammy main universe\n"],
    ["only security updates, without the release itself", "deb http://m.example bookworm-security main\n"],
    ["only source packages", "deb-src http://m.example/debian bookworm main\n"],
  ])("%s: the catalogue's archives", (_name, text) => {
    expect(deriveSources(parseOneLine(text), debian12)).toEqual(catalogueSources(debian12));
  });

  test("a disabled stanza is not used", () => {
    const disabled = parseDeb822(`Enabled: no\n${stanzas}`);
    expect(deriveSources(disabled.slice(0, 1), debian12)).toEqual(catalogueSources(debian12));
  });

  test("one mirror named twice is asked once", () => {
    const twice = parseOneLine("deb http://m.example/debian bookworm main\n".repeat(2));
    expect(deriveSources(twice, debian12)).toHaveLength(1);
  });
});

test("proxies and dates of apt's configuration go along, everything else stays", () => {
  const dump = `APT::Architecture "amd64";
Acquire "";
Acquire::http "";
Acquire::http::Proxy "http://proxy.example:3142";
Acquire::https::Verify-Peer "true";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
DPkg::Post-Invoke:: "rm -f /x";
`;
  expect(networkConfig(dump)).toEqual([
    'Acquire::http::Proxy "http://proxy.example:3142";',
    'Acquire::https::Verify-Peer "true";',
    'Acquire::Check-Valid-Until "false";',
  ]);
});

test("a bastion of Debian builds of Ubuntu's own archives, or of the mirror that it is told of", () => {
  const os = findOperatingSystem("ubuntu-24.04");
  const components = "main universe";
  const keys = `[signed-by=${os.keyring.here}]`;
  expect(deriveSources(parseDeb822(stanzas), os)).toEqual([
    `deb ${keys} http://archive.ubuntu.com/ubuntu noble ${components}`,
    `deb ${keys} http://archive.ubuntu.com/ubuntu noble-updates ${components}`,
    `deb ${keys} http://security.ubuntu.com/ubuntu noble-security ${components}`,
  ]);
  const mirror = "Types: deb\nURIs: http://m.example/ubuntu\nSuites: noble noble-security noble-backports\n";
  expect(deriveSources([...parseDeb822(mirror), ...parseDeb822(stanzas)], os)).toEqual([
    `deb ${keys} http://m.example/ubuntu noble ${components}`,
    `deb ${keys} http://m.example/ubuntu noble-security ${components}`,
  ]);
});
