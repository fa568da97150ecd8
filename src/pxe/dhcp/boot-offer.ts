/** What DHCP tells a machine to boot: nothing, its own disk, iPXE, or, once it is iPXE, a script. */
import type { MacAddress } from "../../address.ts";
import type { Firmware } from "../../store/manifest.ts";
import type { BootDecision } from "../boot/decide.ts";
import { firmwareOf, isIpxe, optionCode, textBytes, textOption } from "./options.ts";
import type { DhcpPacket } from "./packet.ts";

export type BootFiles = {
  /** TFTP names of iPXE, by firmware. */
  readonly chainloadFiles: Readonly<Record<Firmware, string>>;
  /** The same by HTTP, for firmware that boots by HTTP. A file that is not there is answered with 404. */
  readonly chainloadUrl: (file: string) => string;
  /** The script that iPXE runs. At most 127 bytes: it must fit into the header's `file`. */
  readonly scriptUrl: (mac: MacAddress, firmware: Firmware) => string;
};

export type BootOffer = {
  /** Undefined: there is nothing to load. */
  readonly file: string | undefined;
  readonly options: readonly (readonly [number, Uint8Array])[];
};

const nothing: BootOffer = { file: undefined, options: [] };

/**
 * PXE 2.1 table 2-1: tag 6, PXE_DISCOVERY_CONTROL, with bit 3: use the boot file of this offer, ask no further
 * server. Without it EDK2 and some ROMs wait for boot servers that do not exist. Ended by 255.
 */
const useThisBootFile = Buffer.of(6, 1, 8, 255);

/**
 * PXE 2.1 table 2-1: no discovery (6), a menu (9) of one entry of type 0, "local boot" (table 2-2), and a prompt
 * (10) that waits 0 seconds for a key. The firmware leaves PXE at once and goes on in its boot order.
 */
const localBoot = Buffer.of(6, 1, 7, 9, 8, 0, 0, 5, ...Buffer.from("local"), 10, 2, 0, 0x4c, 255);

/** iPXE option 176 inside option 175, `no-pxedhcp`: saves the seconds that iPXE waits for a ProxyDHCP offer. */
const noProxyDhcp = Buffer.of(176, 1, 1);

/** A name that no file has: the 404 makes HTTP boot fail at once, and the firmware go on in its boot order. */
const noSuchFile = "local-disk.efi";

export function bootOfferOf(packet: DhcpPacket, decision: BootDecision, files: BootFiles): BootOffer {
  const firmware = firmwareOf(packet.options);
  if (firmware === undefined) return nothing;
  switch (decision.kind) {
    case "address-only":
    case "ignore":
      return nothing;
    case "chainload-ipxe":
    case "deploy":
    case "rescue":
    case "boot-local-disk":
      break;
    default:
      return decision satisfies never;
  }
  // How iPXE leaves for the disk is its script's business.
  if (isIpxe(packet.options)) return scriptOffer(files.scriptUrl(packet.chaddr, firmware));
  const isForDisk = decision.kind === "boot-local-disk";
  const vendorClass = textOption(packet.options, optionCode.vendorClass) ?? "";
  const file = files.chainloadFiles[firmware];
  if (vendorClass.startsWith("HTTPClient")) {
    return httpOffer(files.chainloadUrl(isForDisk ? noSuchFile : file));
  }
  // UEFI only: it was seen to work there and saves 6 seconds. BIOS ROMs that do not know of menus would hang
  // or start over, so they are sent to iPXE, which knows how to start a disk.
  return isForDisk && firmware === "uefi-x64"
    ? pxeOffer(undefined, localBoot)
    : pxeOffer(file, useThisBootFile);
}

function scriptOffer(url: string): BootOffer {
  return {
    file: url,
    options: [
      [optionCode.bootFileName, textBytes(url)],
      [optionCode.ipxe, noProxyDhcp],
    ],
  };
}

/** UEFI 2.10 section 24.7.2: option 60 says that this is an answer for HTTP boot. */
function httpOffer(url: string): BootOffer {
  return {
    file: url,
    options: [
      [optionCode.vendorClass, textBytes("HTTPClient")],
      [optionCode.bootFileName, textBytes(url)],
    ],
  };
}

function pxeOffer(file: string | undefined, vendorSpecific: Uint8Array): BootOffer {
  const fileOptions = file === undefined ? [] : [[optionCode.bootFileName, textBytes(file)] as const];
  return {
    file,
    options: [
      [optionCode.vendorClass, textBytes("PXEClient")],
      [optionCode.vendorSpecific, vendorSpecific],
      ...fileOptions,
    ],
  };
}
