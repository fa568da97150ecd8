/** What disks answer. In the form of smartctl 7.3 and nvme 2.3 of Debian 12 on disks of QEMU; the values are ours. */

/** What smartctl says as JSON. */
export type Answer = { readonly [key: string]: unknown };

/** As `smartctl --json=g` writes it: a line for each value. */
export function gron(value: unknown, path = "json"): string {
  if (Array.isArray(value)) {
    return `${path} = [];\n${value.map((each, index) => gron(each, `${path}[${index}]`)).join("")}`;
  }
  if (typeof value !== "object" || value === null) return `${path} = ${JSON.stringify(value)};\n`;
  return `${path} = {};\n${Object.entries(value)
    .map(([key, each]) => gron(each, `${path}.${key}`))
    .join("")}`;
}

const attribute = (id: number, name: string, raw: string) => ({
  id,
  name,
  value: 100,
  raw: { value: 522_125_343, string: raw },
});
const ataTest = (type: number, status: number, hours: number) => ({
  type: { value: type },
  status: { value: status },
  lifetime_hours: hours,
});

/** Beyond 65536 hours, where the log of its tests has begun anew; its last long test could not read a block. */
export const ataAnswer = {
  device: { name: "/dev/sda", info_name: "/dev/sda [SAT]", type: "sat", protocol: "ATA" },
  model_name: "WDC WD40",
  serial_number: "WD-1",
  firmware_version: "82.0",
  rotation_rate: 7200,
  smart_support: { available: true, enabled: true },
  smart_status: { passed: true },
  ata_smart_data: {
    self_test: { status: { value: 0, string: "completed without error", passed: true } },
    capabilities: { self_tests_supported: true },
  },
  ata_smart_attributes: {
    revision: 1,
    table: [
      attribute(5, "Reallocated_Sector_Ct", "1"),
      attribute(190, "Airflow_Temperature_Cel", "31 (Min/Max 31/31)"),
      attribute(197, "Current_Pending_Sector", "8 (12 34)"),
      attribute(198, "Offline_Uncorrectable", "2"),
      attribute(199, "UDMA_CRC_Error_Count", "0"),
    ],
  },
  power_on_time: { hours: 70_000 },
  temperature: { current: 31, op_limit_max: 65 },
  ata_smart_self_test_log: {
    standard: {
      table: [
        ataTest(2, 0x19, 4_463),
        ataTest(1, 0x00, 4_462),
        ataTest(2, 0x79, 4_400),
        ataTest(2, 0x00, 4_370),
      ],
    },
  },
  ata_device_statistics: {
    pages: [
      {
        number: 7,
        table: [{ name: "Percentage Used Endurance Indicator", value: 7, flags: { valid: true } }],
      },
    ],
  },
} satisfies Answer;

export const nvmeAnswer = {
  device: { name: "/dev/nvme0", info_name: "/dev/nvme0", type: "nvme", protocol: "NVMe" },
  model_name: "Fast Disk",
  serial_number: "S1",
  firmware_version: "G2",
  smart_support: { available: true, enabled: true },
  smart_status: { passed: true, nvme: { value: 0 } },
  nvme_smart_health_information_log: { percentage_used: 93, media_errors: 3 },
  temperature: { current: 50 },
  power_on_time: { hours: 125 },
} satisfies Answer;

const scsiTest = (code: number, result: number, hours: number) => ({
  code: { value: code },
  result: { value: result },
  power_on_time: { hours },
});

/** While a long test runs; the one before it failed. */
export const scsiAnswer = {
  device: { name: "/dev/sda", info_name: "/dev/sda", type: "scsi", protocol: "SCSI" },
  scsi_model_name: "SEAGATE ST4",
  scsi_revision: "N003",
  serial_number: "SAS1",
  smart_support: { available: true, enabled: true },
  smart_status: { passed: true },
  temperature: { current: 38, drive_trip: 68 },
  power_on_time: { hours: 30_000 },
  scsi_grown_defect_list: 5,
  scsi_error_counter_log: { read: { total_uncorrected_errors: 1 }, write: { total_uncorrected_errors: 0 } },
  scsi_self_test_0: scsiTest(2, 15, 0),
  scsi_self_test_1: scsiTest(1, 0, 29_990),
  scsi_self_test_2: scsiTest(2, 5, 29_900),
} satisfies Answer;

/** Identify Controller: 4096 bytes, with OACS at 256 and WCTEMP, in kelvin, at 266. Source: NVMe base specification. */
export function nvmeIdentity({ hasSelftests = true } = {}): Uint8Array {
  const bytes = Buffer.alloc(4096);
  bytes.writeUInt16LE(0x010a | (hasSelftests ? 0x10 : 0), 256);
  bytes.writeUInt16LE(84 + 273, 266);
  return bytes;
}

/**
 * The Device Self-test log: 564 bytes.
 * @param operation what is running; 0 nothing.
 * @param results the newest first: the byte of kind and result, and the hours that the disk had run.
 */
export function nvmeLog(operation: number, results: readonly (readonly [number, number])[]): Uint8Array {
  const bytes = Buffer.alloc(564);
  bytes[0] = operation;
  for (let index = 0; index < 20; index++) {
    const [status, hours] = results[index] ?? [0x0f, 0];
    bytes[4 + index * 28] = status;
    bytes.writeBigUInt64LE(BigInt(hours), 4 + index * 28 + 4);
  }
  return bytes;
}
