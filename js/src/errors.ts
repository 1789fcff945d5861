/** A stable name for what went wrong, to be compared in code. */
export type ErrorCode =
  | "aborted"
  | "client"
  | "client-invalid-operation"
  | "closed"
  | "connection-lost"
  | "internal"
  | "invalid-argument"
  | "limit"
  | "protocol"
  | "remote"
  | "server"
  | "timeout"
  | "transport"
  | "transport-connection-closed"
  | "transport-timeout"
  | "unauthorized"
  | "unsupported"
  | "wasm-load";

/** What every error of this package extends. */
export class MirrorballError extends Error {
  /** What went wrong, to be compared in code; the message is for people. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/**
 * There is no connection, or there was one and it is lost. For a request, {@link sent} says whether the
 * server may have carried it out.
 */
export class ConnectionLostError extends MirrorballError {
  /** Whether the request was on its way: then its outcome is unknown. */
  readonly sent: boolean;

  constructor(message: string, sent: boolean, options?: ErrorOptions) {
    super("connection-lost", message, options);
    this.sent = sent;
  }
}

/** There was no answer in time. Whether the server carried the request out is unknown. */
export class TimeoutError extends MirrorballError {
  constructor(message: string) {
    super("timeout", message);
  }
}

/** The caller's signal was aborted; its reason is the `cause`. */
export class AbortError extends MirrorballError {
  constructor(message: string, options?: ErrorOptions) {
    super("aborted", message, options);
  }
}

/** The client was closed, or has given up. */
export class ClosedError extends MirrorballError {
  constructor(message: string) {
    super("closed", message);
  }
}

/** The server refused a request, or failed at it. */
export class RemoteError<T = unknown> extends MirrorballError {
  /** What the server says, any JSON. */
  readonly data: T;

  constructor(message: string, data: T) {
    super("remote", message);
    this.data = data;
  }
}

/** The server broke the protocol. */
export class ProtocolError extends MirrorballError {
  constructor(message: string) {
    super("protocol", message);
  }
}

/**
 * The server wants to know who this is, or knows and refuses: it closed the connection with the code 3000 or 3003. A
 * server that refuses before there is a connection cannot be told from one that is out of reach: pages are not shown why.
 */
export class UnauthorizedError extends MirrorballError {
  constructor(message: string) {
    super("unauthorized", message);
  }
}

/** A bound of this client was reached. */
export class LimitError extends MirrorballError {
  constructor(message: string) {
    super("limit", message);
  }
}

/** An argument is not what it has to be. */
export class InvalidArgumentError extends MirrorballError {
  constructor(message: string, options?: ErrorOptions) {
    super("invalid-argument", message, options);
  }
}

/** This package failed, and that is its own fault; what happened is the `cause`. Please report it. */
export class InternalError extends MirrorballError {
  constructor(cause: unknown) {
    super("internal", "mirrorball failed, by a fault of its own; the client begins again", { cause });
  }
}

/** Where this runs, something is missing that a client cannot do without. */
export class UnsupportedError extends MirrorballError {
  constructor(message: string) {
    super("unsupported", message);
  }
}

/** The WebAssembly module could not be loaded; why is the `cause`. */
export class WasmLoadError extends MirrorballError {
  constructor(cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(
      "wasm-load",
      `mirrorball's WebAssembly module could not be loaded (${reason}): serve the package's .wasm files where the code looks ` +
        `for them, or use the entry "mirrorball/inline"; a Content-Security-Policy has to allow 'wasm-unsafe-eval'`,
      { cause },
    );
  }
}

/** What is thrown as one of this package's errors. */
export function asError(error: unknown): MirrorballError {
  return error instanceof MirrorballError
    ? error
    : new MirrorballError("wasm-load", "the client could not be started", { cause: error });
}
