/** Reads the variables that a UEFI machine of the lab keeps between its starts: what its firmware will try, in order. */

/**
 * OVMF's variables begin behind the header of their volume (72 bytes) and that of the store (28 bytes).
 * Source: EDK2, MdeModulePkg/Include/Guid/VariableFormat.h and OvmfPkg/VarStore.fdf.inc.
 */
const firstVariable = 0x64;
/** Bytes of AUTHENTICATED_VARIABLE_HEADER. */
const headerBytes = 60;
const startId = 0x55aa;
/** VAR_ADDED: written whole, and not deleted. */
const added = 0x3f;

/** @returns the data of each live variable, by name. */
export function readUefiVariables(flash: Buffer): ReadonlyMap<string, Buffer> {
  const variables = new Map<string, Buffer>();
  let at = firstVariable;
  while (flash.readUInt16LE(at) === startId) {
    const state = flash.readUInt8(at + 2);
    const nameBytes = flash.readUInt32LE(at + 36);
    const dataBytes = flash.readUInt32LE(at + 40);
    const name = at + headerBytes;
    const data = name + nameBytes;
    if (state === added) {
      const text = flash.subarray(name, data).toString("utf16le").replace(/\0+$/, "");
      variables.set(text, flash.subarray(data, data + dataBytes));
    }
    at = (data + dataBytes + 3) & ~3;
  }
  return variables;
}

/** @returns the names of the firmware's entries in the order in which it tries them. */
export function bootOrderOf(flash: Buffer): string[] {
  const variables = readUefiVariables(flash);
  const order = variables.get("BootOrder") ?? Buffer.alloc(0);
  return Array.from({ length: order.length / 2 }, (_, index) => {
    const number = order
      .readUInt16LE(index * 2)
      .toString(16)
      .toUpperCase()
      .padStart(4, "0");
    return descriptionOf(variables.get(`Boot${number}`));
  });
}

/** EFI_LOAD_OPTION: attributes (4 bytes), length of the path (2 bytes), then the description. UEFI 2.10, 3.1.3. */
function descriptionOf(option: Buffer | undefined): string {
  if (option === undefined) return "missing";
  const text = option.subarray(6).toString("utf16le");
  return text.slice(0, text.indexOf("\0"));
}
