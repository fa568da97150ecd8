/** How commands speak to `imagectl serve`: HTTP on its Unix socket, answers as JSON, long work as lines of JSON. */
import { type IncomingMessage, request } from "node:http";
import { createInterface } from "node:readline";
import { ImagectlError } from "../errors.ts";
import { statePaths } from "../paths.ts";
import type { ErrorBody } from "../serve/operator-types.ts";
import type { CommandIo } from "./command.ts";

/** `Answer` is what src/serve/operator-types.ts says of the path: both ends are of one version. */
export type OperatorClient = {
  get<Answer>(path: string): Promise<Answer>;
  post<Answer>(path: string, body: unknown): Promise<Answer>;
  /** @returns what is no JSON: the database. */
  bytes(path: string): Promise<Buffer>;
  /** @returns one document per line, as they come. Ends when the server ends it, or is killed. */
  lines<Line>(method: "GET" | "POST", path: string, body?: unknown): AsyncGenerator<Line>;
};

/**
 * Every call throws what the server threw, as the same ImagectlError, and SERVER_NOT_RUNNING when nobody
 * listens.
 */
export function operatorClient(env: CommandIo["env"]): OperatorClient {
  const { operatorSocket } = statePaths(env);
  const whole = async <Answer>(method: string, path: string, body?: unknown): Promise<Answer> => {
    const response = await send(operatorSocket, method, path, body);
    const answer = parse((await readAll(response)).toString("utf8"));
    throwIfError(answer);
    return answer as Answer;
  };
  return {
    get: (path) => whole("GET", path),
    post: (path, body) => whole("POST", path, body),
    bytes: async (path) => {
      const response = await send(operatorSocket, "GET", path, undefined);
      const body = await readAll(response);
      if (response.statusCode !== 200) throwIfError(parse(body.toString("utf8")));
      if (response.complete && response.statusCode === 200) return body;
      throw brokenOff();
    },
    async *lines<Line>(method: string, path: string, body?: unknown) {
      const response = await send(operatorSocket, method, path, body);
      try {
        for await (const text of createInterface({ input: response })) {
          const line = parse(text);
          throwIfError(line);
          yield line as Line;
        }
      } catch (error) {
        throw error instanceof ImagectlError ? error : brokenOff(error);
      } finally {
        // Who has read enough leaves; the connection must not keep the process.
        response.destroy();
      }
    },
  };
}

function send(socketPath: string, method: string, path: string, body: unknown): Promise<IncomingMessage> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = text === undefined ? {} : { "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path, headers }, resolve);
    outgoing.once("error", (cause: NodeJS.ErrnoException) => reject(unreachable(socketPath, cause)));
    outgoing.end(text);
  });
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  try {
    return Buffer.concat(await response.toArray());
  } catch (cause) {
    throw brokenOff(cause);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw brokenOff(cause);
  }
}

/** A server that was killed in the middle of a line, or between two. */
function brokenOff(cause?: unknown): ImagectlError {
  return new ImagectlError("SERVER_ANSWER_MALFORMED", "the answer of imagectl serve broke off", {
    hint: "Is it still running? imagectl nodes",
    cause,
  });
}

function throwIfError(answer: unknown): void {
  if (answer === null || typeof answer !== "object" || !("error" in answer)) return;
  const { code, message, hint, findings } = (answer as ErrorBody).error;
  throw new ImagectlError(code as ImagectlError["code"], message, { hint, findings });
}

function unreachable(socketPath: string, cause: NodeJS.ErrnoException): ImagectlError {
  if (cause.code === "EACCES" || cause.code === "EPERM") {
    return new ImagectlError("SERVER_NOT_RUNNING", `${socketPath} may be opened by root only`, {
      hint: "Run the command with sudo.",
      cause,
    });
  }
  return new ImagectlError(
    "SERVER_NOT_RUNNING",
    `imagectl serve is not running: nothing answers on ${socketPath}`,
    {
      hint: "Start it: sudo imagectl serve, in a window of its own. The package's service: systemctl start imagectl",
      cause,
    },
  );
}
