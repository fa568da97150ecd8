/** Lines of sshd_config that commands and write_files write: an option that sshd does not know keeps it from starting. */
import type { Finding } from "../../errors.ts";
import { nearestOf } from "../../nearest.ts";
import { commandsOf, readCommand, type Step } from "./commands.ts";
import { type Place, textOf } from "./place.ts";
import type { Check } from "./subject.ts";

/** Source: OpenSSH 8.9 to 10.0, keywords[] in servconf.c, with Debian's additions. The old ones are still taken. */
export const currentOptions: readonly string[] =
  "AcceptEnv AddressFamily AllowAgentForwarding AllowGroups AllowStreamLocalForwarding AllowTcpForwarding AllowUsers AuthenticationMethods AuthorizedKeysCommand AuthorizedKeysCommandUser AuthorizedKeysFile AuthorizedPrincipalsCommand AuthorizedPrincipalsCommandUser AuthorizedPrincipalsFile Banner CASignatureAlgorithms ChannelTimeout ChrootDirectory Ciphers ClientAliveCountMax ClientAliveInterval Compression DebianBanner DenyGroups DenyUsers DisableForwarding ExposeAuthInfo FingerprintHash ForceCommand GatewayPorts GSSAPIAuthentication GSSAPICleanupCredentials GSSAPIKexAlgorithms GSSAPIKeyExchange GSSAPIStoreCredentialsOnRekey GSSAPIStrictAcceptorCheck HostbasedAcceptedAlgorithms HostbasedAuthentication HostbasedUsesNameFromPacketOnly HostCertificate HostKey HostKeyAgent HostKeyAlgorithms IgnoreRhosts IgnoreUserKnownHosts Include IPQoS KbdInteractiveAuthentication KerberosAuthentication KerberosGetAFSToken KerberosOrLocalPasswd KerberosTicketCleanup KexAlgorithms ListenAddress LoginGraceTime LogLevel LogVerbose MACs Match MaxAuthTries MaxSessions MaxStartups ModuliFile PasswordAuthentication PermitEmptyPasswords PermitListen PermitOpen PermitRootLogin PermitTTY PermitTunnel PermitUserEnvironment PermitUserRC PerSourceMaxStartups PerSourceNetBlockSize PerSourcePenalties PerSourcePenaltyExemptList PidFile Port PrintLastLog PrintMotd PubkeyAcceptedAlgorithms PubkeyAuthentication PubkeyAuthOptions RDomain RefuseConnection RekeyLimit RequiredRSASize RevokedKeys SecurityKeyProvider SetEnv SshdAuthPath SshdSessionPath StreamLocalBindMask StreamLocalBindUnlink StrictModes Subsystem SyslogFacility TCPKeepAlive TrustedUserCAKeys UnusedConnectionTimeout UseDNS UsePAM VersionAddendum X11DisplayOffset X11Forwarding X11UseLocalhost XAuthLocation".split(
    " ",
  );
const oldOptions =
  "afstokenpassing authorizedkeysfile2 challengeresponseauthentication checkmail dsaauthentication hostbasedacceptedkeytypes hostdsakey keepalive kerberostgtpassing keyregenerationinterval pamauthenticationviakbdint protocol pubkeyacceptedkeytypes reversemappingcheck rhostsauthentication rhostsrsaauthentication rsaauthentication serverkeybits skeyauthentication uselogin useprivilegeseparation verifyreversemapping".split(
    " ",
  );

export const sshdOptions: ReadonlySet<string> = new Set([
  ...currentOptions.map((option) => option.toLowerCase()),
  ...oldOptions,
]);

/** Options of a few words, where another one keeps sshd from starting as well. */
const yesNo = ["yes", "no"];
const values: Readonly<Record<string, readonly string[]>> = {
  permitrootlogin: [...yesNo, "prohibit-password", "without-password", "forced-commands-only"],
  passwordauthentication: yesNo,
  pubkeyauthentication: yesNo,
  kbdinteractiveauthentication: yesNo,
  challengeresponseauthentication: yesNo,
  permitemptypasswords: yesNo,
  usepam: yesNo,
  usedns: yesNo,
  x11forwarding: yesNo,
  strictmodes: yesNo,
};

const configFile = /(^|\/)etc\/ssh\/sshd_config(\.d\/[^/\s]+)?$/;

export const checkSshdOptions: Check = (subject) => {
  const userData = subject.autoinstall.at("user-data");
  const files = userData
    .at("write_files")
    .items()
    .filter(
      (file) => configFile.test(textOf(file.at("path")) ?? "") && file.at("encoding").value === undefined,
    );
  return [
    ...commandsOf(subject).flatMap((command) => {
      const lines = readCommand(command).steps.flatMap((step) => linesFor(step));
      return lines.flatMap((line) => checkLine(command.place, line));
    }),
    ...files.flatMap((file) =>
      (textOf(file.at("content")) ?? "").split("\n").flatMap((line) => checkLine(file.at("content"), line)),
    ),
  ];
};

/** The lines that a step writes into sshd's configuration, as far as they stand in its text. */
function linesFor(step: Step): string[] {
  const isRedirected = step.redirects.some(
    ({ operator, target }) => /^>/.test(operator) && configFile.test(target),
  );
  const [name, ...words] = step.words;
  const isArgument = words.some((word) => configFile.test(word));
  if (name === "sed" && isArgument) return words.filter((word) => !configFile.test(word)).flatMap(sedTexts);
  if (name === "tee" && isArgument) {
    return step.before === "|" && step.previous !== undefined
      ? printed(step.previous)
      : step.documents.flatMap(split);
  }
  return isRedirected ? printed(step) : [];
}

function printed({ words: [name, ...words], documents }: Step): string[] {
  const shown = words.filter((word) => !/^-[neE]+$/.test(word));
  if (name === "echo") return split(shown.join(" "));
  if (name === "printf") return shown.filter((word) => !/%[sbd]/.test(word)).flatMap(split);
  return documents.flatMap(split);
}

/** What `s/…/TEXT/`, `a TEXT`, `i TEXT` and `c TEXT` leave in the file. */
function sedTexts(word: string): string[] {
  const substitution = /^(?:\d*|\$|\/[^/]*\/)s([^\w\s\\])(.*)$/s.exec(word);
  if (substitution !== null) {
    const [, mark = "", rest = ""] = substitution;
    const [, replacement = ""] = rest.split(mark);
    return split(replacement);
  }
  const added = /^(?:\d*|\$|\/[^/]*\/)\s*[aic]\\?\s*(.+)$/s.exec(word)?.[1];
  return added === undefined ? [] : split(added);
}

function split(text: string): string[] {
  return text.split(/\n|\\n/);
}

function checkLine(place: Place, line: string): Finding[] {
  const [, option, value = ""] = /^\s*([A-Za-z][A-Za-z0-9]+)(?:[\s=]+(.*))?$/.exec(line) ?? [];
  if (option === undefined) return [];
  const name = option.toLowerCase();
  const say = (message: string, hint: string): Finding[] => [
    place.error(
      "SSHD_OPTION_UNKNOWN",
      `${place.name}: ${message}: sshd does not start, and nobody gets in over the network`,
      hint,
    ),
  ];
  if (!sshdOptions.has(name)) {
    const nearest = nearestOf(option, currentOptions);
    return say(
      `sshd has no option ${option}`,
      nearest === undefined ? "See: man sshd_config" : `Did you mean: ${nearest}`,
    );
  }
  const word = value.replace(/\s+#.*$/, "").trim();
  if (word === "") return say(`the option ${option} has no value`, "Give it one: man sshd_config");
  const known = Object.hasOwn(values, name) ? values[name] : undefined;
  // What a shell or sed puts in cannot be read here.
  if (known === undefined || known.includes(word.toLowerCase()) || /[$&\\`]/.test(word)) return [];
  return say(`${option} cannot be ${word}`, `One of: ${known.join(", ")}`);
}
