// What long-polling asks of the JS engine. Nothing is decided here. `polling.rs` binds this, and the build makes it a part of
// the module's glue.

/** What stops the requests that are given it. */
export const stopper = () => new AbortController();
export const stop = (stopper) => {
  stopper.abort();
};

/** A text, as its length and first unit tell of it; see `receive`. */
const headOf = (text) => text.length * 65536 + (text.charCodeAt(0) || 0);

/**
 * Sends a batch of messages. `done` is told the text that came back and its head; or nothing, and the status, or zero where
 * there is none. `hooks` may change both the batch and what comes back.
 */
export function post(url, body, isLast, stopper, hooks, done) {
  const { signal } = stopper;
  let status = 0;
  const send = (sent) =>
    fetch(url, {
      method: "POST",
      headers,
      body: sent,
      credentials: hooks.credentials,
      cache: "no-store",
      // What is said last has to get through although the page is left.
      keepalive: isLast,
      signal,
    });
  const headers = new Headers({ "Content-Type": "application/json;charset=UTF-8" });
  const take = async (response) => {
    ({ status } = response);
    return response.ok ? hooks.incoming(await response.text(), response.headers) : undefined;
  };
  const end = (text) => {
    if (!signal.aborted) done(text, text === undefined ? status : headOf(text));
  };
  let answer;
  try {
    // At once where it can be: a page that is left waits for nothing.
    const made = hooks.outgoing(body, headers);
    answer = typeof made === "string" ? send(made) : made.then(send);
  } catch (cause) {
    answer = Promise.reject(cause);
  }
  // Without an answer, or where nobody waits for one any more, there is no text.
  answer.then(take).then(end, () => end());
}
