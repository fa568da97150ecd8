/** A value that must not be seen: whoever logs it, stores it or prints it by mistake shows `[redacted]`. */
import { inspect } from "node:util";

const shown = "[redacted]";

export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself: for the one place where it is used. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return shown;
  }

  toJSON(): string {
    return shown;
  }

  [inspect.custom](): string {
    return shown;
  }
}
