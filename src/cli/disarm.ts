/** `imagectl disarm`: ends attempts; nothing more is written to these nodes' disks. */
import type { DisarmAnswer } from "../serve/operator-types.ts";
import { defineCommand, jsonOption } from "./command.ts";
import { operatorClient } from "./operator-client.ts";

export const command = defineCommand({
  summary: "end the attempts of nodes: their next boot is from their own disk",
  usage: "disarm NODE… [--json]",
  options: jsonOption,
  positionals: { min: 1, max: 1_000 },
  async run({ values, positionals }, io) {
    const answers = await operatorClient(io.env).post<readonly DisarmAnswer[]>("/disarm", {
      nodes: positionals,
    });
    io.stdout.write(
      values.json === true
        ? `${JSON.stringify(answers, null, 2)}\n`
        : answers.map(({ node, attempt }) => `${node}  disarmed (attempt ${attempt.id})\n`).join(""),
    );
    return 0;
  },
});
