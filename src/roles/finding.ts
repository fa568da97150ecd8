/** Findings about a role's folder. */
import type { ErrorCode } from "../error-codes.ts";
import type { Finding } from "../errors.ts";

export function roleFinding(
  where: string,
  message: string,
  hint: string,
  code: ErrorCode = "ROLE_FOLDER_INVALID",
): Finding {
  return { code, where, message, hint, severity: "error" };
}
