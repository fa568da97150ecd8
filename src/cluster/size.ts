/** Sizes as people write them on disks: `900GB`, `1TB`, `1.92 TB`, `512GiB`, or a number of bytes. */

/** Bytes per unit: SI for the letters on a disk's label, IEC 80000-13 for those with an i. */
const bytesPerUnit: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** @returns bytes, or undefined when the text is no size. */
export function parseSize(size: string | number): number | undefined {
  const [, digits = "", unit = "B"] =
    /^([0-9]+(?:\.[0-9]+)?)\s?([A-Za-z]+)?$/.exec(String(size).trim()) ?? [];
  const factor = Object.hasOwn(bytesPerUnit, unit) ? bytesPerUnit[unit] : undefined;
  if (digits === "" || factor === undefined) return undefined;
  const bytes = Math.round(Number(digits) * factor);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}
