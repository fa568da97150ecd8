/** Keys of the cluster file with their description: what editors show, and the hint of a finding at that place. */
import type { z } from "zod";

export const described = <Schema extends z.ZodType>(schema: Schema, description: string): Schema =>
  schema.meta({ description });
