/** Can anybody log in to what is installed? Passwords, keys, users of the installer and users of cloud-init. */
import type { Finding } from "../../errors.ts";
import { commandsOf } from "./commands.ts";
import { readPasswordHash } from "./password-hash.ts";
import { isMap, type Place, textOf, textsOf } from "./place.ts";
import { reservedNames } from "./reserved-names.ts";
import type { Check, Subject } from "./subject.ts";

const makeHash = "Make one: mkpasswd --method=yescrypt, or openssl passwd -6";

export const checkPasswords: Check = ({ autoinstall }) => {
  const userData = autoinstall.at("user-data");
  const hashes = [
    autoinstall.at("identity").at("password"),
    ...userData.at("users").items().flatMap(passwordsOf),
    ...userData
      .at("chpasswd")
      .at("users")
      .items()
      .filter((user) => (user.at("type").value ?? "hash") === "hash")
      .map((user) => user.at("password")),
  ];
  return hashes.flatMap((place): Finding[] => {
    const answer = readPasswordHash(textOf(place) ?? "*");
    if (answer.kind === "placeholder") {
      return [
        place.warning(
          "PASSWORD_NOT_HASHED",
          `${place.name} is the placeholder of a template: as it stands, nobody can log in by it`,
          "Check the document that is served, after its template was filled in.",
        ),
      ];
    }
    if (answer.kind !== "no-hash") return [];
    return [
      place.error(
        "PASSWORD_NOT_HASHED",
        `${place.name} ${answer.message}: the install succeeds, and nobody can log in by it`,
        `${makeHash}. Put it into single quotes.`,
      ),
    ];
  });
};

function passwordsOf(user: Place): Place[] {
  return ["passwd", "hashed_passwd", "hashed-passwd"].map((key) => user.at(key));
}

export const checkIdentity: Check = ({ autoinstall }) => {
  const identity = autoinstall.at("identity");
  const username = identity.at("username");
  const name = textOf(username);
  if (identity.value === undefined) {
    const isAsked = isInteractive(autoinstall, "identity");
    return isAsked || autoinstall.at("user-data").value !== undefined
      ? []
      : [
          autoinstall.error(
            "KEY_MISSING",
            "there is neither identity nor user-data: the installer stops",
            "Add identity: with username, hostname and password (a hash).",
            "key",
          ),
        ];
  }
  if (name === undefined || readPasswordHash(name).kind === "placeholder") return [];
  const complaint = reservedNames.has(name)
    ? "is reserved by Ubuntu"
    : /^[a-z_][a-z0-9_-]{0,31}$/.test(name)
      ? undefined
      : "is no name of a user (small letters, digits, - and _, at most 32)";
  return complaint === undefined
    ? []
    : [
        username.error(
          "NAME_INVALID",
          `${username.name} ${name} ${complaint}: the installer stops`,
          "Choose another one.",
        ),
      ];
};

/** Public keys that sshd will not take: it skips their line without a word. */
export const checkPublicKeys: Check = ({ autoinstall }) => {
  const userData = autoinstall.at("user-data");
  const lists = [
    autoinstall.at("ssh").at("authorized-keys"),
    userData.at("ssh_authorized_keys"),
    ...userData.at("users").items().flatMap(keyLists),
  ];
  return lists
    .flatMap(textsOf)
    .filter(({ text }) => !isPublicKey(text))
    .map(({ place }) =>
      place.error(
        "PUBLIC_KEY_REFUSED",
        `${place.name} is no public key: sshd skips the line, and nobody can log in by it`,
        "Paste the whole line of the .pub file.",
      ),
    );
};

function keyLists(user: Place): Place[] {
  return [user.at("ssh_authorized_keys"), user.at("ssh-authorized-keys")];
}

/** Options, algorithm, base64, comment. The blob begins with the length and name of its algorithm: RFC 4253 section 6.6. */
function isPublicKey(line: string): boolean {
  const [, algorithm = "", base64 = ""] =
    /(?:^|\s)((?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+)\s+([A-Za-z0-9+/]+={0,2})(?:\s|$)/.exec(line) ?? [];
  const blob = Buffer.from(base64, "base64");
  return (
    algorithm !== "" &&
    blob.length > algorithm.length + 4 + 32 &&
    blob.readUInt32BE(0) === algorithm.length &&
    blob.toString("latin1", 4, 4 + algorithm.length) === algorithm
  );
}

export const checkLogin: Check = (subject) => {
  const { autoinstall } = subject;
  const isSomebodyElses =
    ["identity", "ssh"].some((section) => isInteractive(autoinstall, section)) ||
    autoinstall.at("active-directory").value !== undefined;
  // Who has no identity at all is told so by checkIdentity.
  const isNobody =
    autoinstall.at("identity").value === undefined && autoinstall.at("user-data").value === undefined;
  if (isSomebodyElses || isNobody) return [];
  const hasServer = installsServer(subject);
  if (!hasWayIn(autoinstall, hasServer)) return [noWayIn(subject, hasServer)];
  return checkServer(autoinstall, hasServer);
};

function isInteractive(autoinstall: Place, section: string): boolean {
  const { value } = autoinstall.at("interactive-sections");
  return Array.isArray(value) && (value.includes("*") || value.includes(section));
}

function hasWayIn(autoinstall: Place, hasServer: boolean): boolean {
  const userData = autoinstall.at("user-data");
  const users = userData.at("users");
  const installerKeys = textsOf(autoinstall.at("ssh").at("authorized-keys")).length > 0;
  const isUser = autoinstall.at("identity").value !== undefined;
  const hasDefault =
    users.items().some(({ value }) => value === "default") || isMap(userData.at("user").value);
  const defaultKeys = installerKeys || textsOf(userData.at("ssh_authorized_keys")).length > 0;
  return [
    isMeantAsHash(autoinstall.at("identity").at("password")),
    isUser && installerKeys && hasServer,
    hasDefault && defaultKeys && hasServer,
    ["chpasswd", "password", "ssh_import_id"].some((key) => userData.at(key).value !== undefined),
    ...users.items().map((user) => userGetsIn(user, hasServer)),
  ].some((way) => way);
}

function userGetsIn(user: Place, hasServer: boolean): boolean {
  const hasKeys =
    keyLists(user).some((keys) => keys.value !== undefined) ||
    ["ssh_import_id", "ssh-import-id"].some((key) => user.at(key).value !== undefined);
  // cloud-init locks the password of a user unless it is told not to.
  const isUnlocked = user.at("lock_passwd").value === false || user.at("lock-passwd").value === false;
  const hasPassword =
    passwordsOf(user).some(isMeantAsHash) ||
    ["plain_text_passwd", "plain-text-passwd"].some((key) => textOf(user.at(key)) !== undefined);
  return (hasKeys && hasServer) || (isUnlocked && hasPassword);
}

/** A damaged one has its own finding; it need not be said twice that nobody gets in. */
function isMeantAsHash(place: Place): boolean {
  return readPasswordHash(textOf(place) ?? "*").kind !== "locked";
}

function installsServer(subject: Subject): boolean {
  const { autoinstall } = subject;
  const packages = [autoinstall.at("packages"), autoinstall.at("user-data").at("packages")].flatMap(textsOf);
  return (
    autoinstall.at("ssh").at("install-server").value === true ||
    packages.some(({ text }) => /^openssh-server\b/.test(text)) ||
    commandsOf(subject).some(({ text }) => /openssh-server|tasksel/.test(text))
  );
}

function noWayIn(subject: Subject, hasServer: boolean): Finding {
  const { autoinstall } = subject;
  const said =
    ["identity", "user-data"].map((key) => autoinstall.at(key)).find(({ value }) => value !== undefined) ??
    autoinstall;
  const hint = hasServer
    ? "Give identity a password (a hash), or a user a key: ssh.authorized-keys, user-data.users[].ssh_authorized_keys."
    : "Give identity a password (a hash), or keys and ssh.install-server: true.";
  const words = [
    "LOGIN_IMPOSSIBLE",
    "the install succeeds, and nobody can log in: no user has a usable password or a key that sshd would ask for",
    hint,
    "key",
  ] as const;
  return mayMakeUsers(subject) ? said.warning(...words) : said.error(...words);
}

/** Commands can make users in more ways than can be read here: what else they run may be one. */
function mayMakeUsers(subject: Subject): boolean {
  return commandsOf(subject).some(({ moment, text }) => {
    const isProgramOfTheirs = moment === "late" && /^\/|^((ba)?sh|ansible\S*|puppet|salt-call) /.test(text);
    return (
      isProgramOfTheirs || /useradd|adduser|usermod|chpasswd|passwd|authorized_keys|ssh-import-id/.test(text)
    );
  });
}

/** Somebody gets in, but not everybody who was meant to. */
function checkServer(autoinstall: Place, hasServer: boolean): Finding[] {
  const ssh = autoinstall.at("ssh");
  const keys = ssh.at("authorized-keys");
  const users = autoinstall.at("user-data").at("users");
  const hasKeys = textsOf(keys).length > 0;
  const isStray =
    hasKeys &&
    autoinstall.at("identity").value === undefined &&
    users.items().length > 0 &&
    !users.items().some(({ value }) => value === "default");
  return [
    ...(isStray
      ? [
          keys.error(
            "LOGIN_IMPOSSIBLE",
            "ssh.authorized-keys go to cloud-init's default user, which user-data.users does not have: nobody can log in by them",
            "Move them into the user: user-data.users[].ssh_authorized_keys. Or add - default to the users.",
            "key",
          ),
        ]
      : []),
    ...((hasKeys || ssh.at("allow-pw").value === true) && !hasServer
      ? [
          ssh.warning(
            "LOGIN_IMPOSSIBLE",
            "ssh: installs no server: nobody can log in over the network",
            "Add to it: install-server: true",
            "key",
          ),
        ]
      : []),
  ];
}
