import { type ErrorCode, MirrorballError } from "../errors.js";
import type { BayeuxMessage } from "./types.js";

/** The client is at fault, or what it was told to do. */
export class ClientError extends MirrorballError {
  constructor(message: string, options?: ErrorOptions, code: ErrorCode = "client") {
    super(code, message, options);
  }
}

/** The client cannot do this now: it is open, or closed. */
export class ClientInvalidOperation extends ClientError {
  constructor(message: string) {
    super(message, undefined, "client-invalid-operation");
  }
}

/** The network or the way to the server failed. */
export class TransportError extends MirrorballError {
  constructor(message: string, options?: ErrorOptions, code: ErrorCode = "transport") {
    super(code, message, options);
  }
}

/** The connection was lost, and did not come back in time; or there was no reply in time. */
export class TransportTimeoutError extends TransportError {
  constructor(message: string) {
    super(message, undefined, "transport-timeout");
  }
}

/** The connection was lost before the reply came. Whether the server carried the request out is unknown. */
export class TransportConnectionClosed extends TransportError {
  constructor(message: string) {
    super(message, undefined, "transport-connection-closed");
  }
}

/** The server refused; {@link response} is what it said. */
export class ServerError extends MirrorballError {
  /** The server's message. */
  readonly response: BayeuxMessage | null;

  constructor(message: string, response: BayeuxMessage | null) {
    super("server", response?.error === undefined ? message : `${message} ${response.error}`);
    this.response = response;
  }

  /** What went wrong, as the server wrote it. */
  get error(): string | null {
    const error: unknown = this.response?.error;
    return typeof error === "string" ? error : null;
  }

  /** The three digits that {@link error} begins with. */
  get errorCode(): number | null {
    const digits = /^\d{3}/.exec(this.error ?? "");
    return digits === null ? null : Number(digits[0]);
  }

  /** What is between the first and the last colon of {@link error}, cut at commas. */
  get errorArgs(): readonly string[] | null {
    const between = /^[^:]*:(.*):[^:]*$/s.exec(this.error ?? "")?.[1];
    if (between === undefined) return null;
    return between === "" ? [] : between.split(",");
  }

  /** What is behind the last colon of {@link error}. */
  get errorMessage(): string | null {
    return /:([^:]*)$/.exec(this.error ?? "")?.[1] ?? null;
  }
}
