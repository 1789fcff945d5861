// Where peers differ from one another. The tests follow these tables, and nothing else loosens them.

const done = () => ({ done: null });
const refused = (words) => (channel) => ({ refused: words.replaceAll("CHANNEL", channel) });
const metaRefused = (words) => ({ subscribeMeta: refused(words), subscribeLikeMeta: refused(words) });

/**
 * Of servers: what they answer, where they refuse (`refusals`); how many `copies` of a message come where three subscriptions
 * match; whether what they could not deliver waits for the connection to come back (`keeps`).
 */
export const OF_SERVERS = {
  ours: {
    copies: 1,
    keeps: true,
    refusals: {
      subscribeMeta: refused("403:denied_by_security_policy:subscribe_denied"),
      subscribeLikeMeta: refused("403:denied_by_security_policy:create_denied"),
      subscribeService: done,
      subscribe: refused("403:nobody_may:subscribe_denied"),
      publish: refused("403:nobody_may:publish_denied"),
      publishWild: refused("405::channel_invalid"),
    },
  },
  cometd: {
    copies: 3,
    keeps: false,
    refusals: {
      subscribeMeta: refused("403::subscribe_failed"),
      subscribeLikeMeta: refused("403::subscribe_failed"),
      subscribeService: done,
      subscribe: refused("403::subscribe_denied"),
      publish: refused("403::publish_denied"),
      publishWild: done,
    },
  },
  faye: {
    copies: 1,
    keeps: false,
    refusals: {
      subscribeMeta: refused("403:CHANNEL:Forbidden channel"),
      subscribeLikeMeta: refused("403:CHANNEL:Forbidden channel"),
      subscribeService: refused("403:CHANNEL:Forbidden channel"),
      subscribe: refused("403:CHANNEL:nobody_may"),
      publish: refused("403:CHANNEL:nobody_may"),
      publishWild: refused("405:CHANNEL:Invalid channel"),
    },
  },
};

/** Of clients: what they refuse themselves, without asking the server; which of CometD's `extensions` they have. */
export const OF_CLIENTS = {
  browser: {
    extensions: ["ack", "call"],
    refusals: metaRefused(
      "this is no channel for that: it begins with a slash, has something between its slashes, and is not below /meta",
    ),
  },
  native: {
    extensions: ["ack", "binary", "call"],
    refusals: metaRefused("channels below /meta are the protocol's own: choose another"),
  },
  cometd: { extensions: ["ack", "binary", "call", "timesync"], refusals: {} },
  aiocometd: { extensions: [], refusals: {} },
  faye: { extensions: [], refusals: {} },
};
