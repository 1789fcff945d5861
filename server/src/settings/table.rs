//! The table of settings: each once, with its names and what it means.

use super::bayeux;
use super::kind::Kind::{
    self, Addresses, Burst, Choice, Count, Log, Networks, Number, OptionalCount, OptionalRate,
    OptionalSeconds, OptionalText, OptionalTimeout, Origins, Path, Patterns, Period, Seconds, Size,
    Status, Switch, Text, Texts, Timeout, Transports,
};

/// One setting: its key in a file, its flag, and what it means. In the environment it is called `MIRRORBALL_` and
/// its flag.
pub(crate) struct Setting {
    pub(crate) key: &'static str,
    pub(crate) flag: &'static str,
    pub(crate) kind: Kind,
    pub(crate) user: User,
    pub(crate) help: &'static str,
}

/// Which command takes a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    Serve,
    Demo,
    Both,
}

impl Setting {
    /// Its name in the environment.
    pub(crate) fn variable(&self) -> String {
        let name = self.flag.to_ascii_uppercase().replace('-', "_");
        format!("MIRRORBALL_{name}")
    }

    /// The table of the file that it stands in, and its name there.
    pub(crate) fn place(&self) -> (&'static str, &'static str) {
        self.key.split_once('.').unwrap_or(("", self.key))
    }

    /// Whether this command takes it.
    pub(crate) fn is_for(&self, demo: bool) -> bool {
        match self.user {
            User::Serve => !demo,
            User::Demo => demo,
            User::Both => true,
        }
    }
}

const fn setting(key: &'static str, flag: &'static str, kind: Kind, help: &'static str) -> Setting {
    let user = User::Serve;
    Setting {
        key,
        flag,
        kind,
        user,
        help,
    }
}

const fn shared(key: &'static str, flag: &'static str, kind: Kind, help: &'static str) -> Setting {
    Setting {
        user: User::Both,
        ..setting(key, flag, kind, help)
    }
}

/// All settings, by table.
#[rustfmt::skip]
pub(crate) const SETTINGS: &[Setting] = &[
    shared("listen", "listen", Addresses(|s| &mut s.listen),
        "Listen on this address and port; may be repeated [default: 127.0.0.1:8080]"),
    shared("www", "www", Path(|s| &mut s.www),
        "Serve the files of this folder [default: www, if there is such a folder]"),
    setting("state", "state", Path(|s| &mut s.state),
        "The state to mirror, a file of JSON; without it the state is null"),
    setting("allow_public", "allow-public", Switch(|s| &mut s.allow_public),
        "Listen on addresses that other machines can reach, though there is neither TLS nor authentication"),
    shared("log", "log", Log(|s| &mut s.log),
        "How to log, on stderr: text or json [default: text on a terminal, json otherwise]"),
    setting("shutdown_timeout", "shutdown-timeout", Seconds(|s| &mut s.shutdown_timeout),
        "How long connections have to end when the server closes and all clients were told; then they are cut [default: 5]"),
    setting("drain", "drain", Seconds(|s| &mut s.drain),
        "Over how long clients are told to come back when the server closes, one after another [default: 10]"),
    setting("drain_step", "drain-step", Seconds(|s| &mut s.drain_step),
        "How long at most between two of them, so that few take less time [default: 0.001]"),
    setting("reload_interval", "reload-interval", OptionalTimeout(|s| &mut s.reload_interval),
        "How often to look whether certificates or users have changed, or none; SIGHUP has them read in any case [default: 5]"),
    Setting {
        user: User::Demo,
        ..setting("period", "period", Period(|s| &mut s.period), "Milliseconds between samples, 100 to 10000 [default: 500]")
    },

    shared("http.origins", "origin", Origins(|s| &mut s.origins),
        "Let pages of this site connect, too; may be repeated. The server's own pages always may"),
    setting("http.require_origin", "require-origin", Switch(|s| &mut s.require_origin),
        "Let nothing but pages connect: a request without an Origin is refused"),
    setting("http.trusted_proxies", "trusted-proxy", Networks(|s| &mut s.trusted_proxies),
        "Believe the proxies of this network who their clients are (Forwarded, X-Forwarded-For); may be repeated"),
    setting("http.index_path", "index-path", OptionalText(|s| &mut s.index_path),
        "Where / leads; nowhere if it is empty [default: /index.html, with --www]"),
    setting("http.no_cache", "no-cache", Switch(|s| &mut s.no_cache),
        "Have browsers ask each time whether a file has changed [default: true]"),
    setting("http.follow_symlinks", "follow-symlinks", Switch(|s| &mut s.follow_symlinks),
        "Follow symbolic links that stay inside the folder"),
    setting("http.header_read_timeout", "header-read-timeout", Timeout(|s| &mut s.limits.header_read_timeout),
        "How long the head of a request may take [default: 10]"),
    setting("http.max_header_bytes", "max-header-bytes", Size(|s| &mut s.limits.max_header_bytes),
        "The longest head of a request [default: 32KiB]"),
    setting("http.body_deadline", "body-deadline", Timeout(|s| &mut s.limits.body_deadline),
        "How long the body of a request may take as a whole [default: 30]"),
    setting("http.max_body_bytes", "max-body-bytes", Size(|s| &mut s.limits.max_body_bytes),
        "The longest body of a request [default: 1MiB]"),
    setting("http.idle_timeout", "idle-timeout", Timeout(|s| &mut s.limits.idle_timeout),
        "How long a connection may be silent between two requests [default: 75]"),
    setting("http.write_timeout", "write-timeout", Timeout(|s| &mut s.limits.write_timeout),
        "How long a client may take nothing of an answer [default: 30]"),

    setting("conn.max_total", "max-connections", Count(|s| &mut s.limits.max_total),
        "Connections in all [default: 10000, or 256 fewer than the files that the process may open]"),
    setting("conn.max_per_ip", "max-connections-per-ip", Count(|s| &mut s.limits.max_per_ip),
        "Connections of one client; those of trusted proxies are not counted [default: 256]"),
    setting("conn.send_buffer", "send-buffer", Size(|s| &mut s.limits.send_buffer),
        "Bytes that the system keeps for a client that does not take them [default: 256KiB]"),

    setting("tls.cert", "tls-cert", Path(|s| &mut s.tls_cert),
        "Serve https and wss with the certificate chain in this PEM file"),
    setting("tls.key", "tls-key", Path(|s| &mut s.tls_key),
        "The private key of that certificate, a PEM file"),
    setting("tls.client_ca", "tls-client-ca", Path(|s| &mut s.tls_client_ca),
        "Let only clients connect whose certificate comes from an authority in this PEM file"),
    setting("tls.self_signed", "tls-self-signed", Switch(|s| &mut s.tls_self_signed),
        "Serve https and wss with a certificate made now, that nobody vouches for; for development"),
    setting("tls.handshake_timeout", "tls-handshake-timeout", Timeout(|s| &mut s.limits.handshake_timeout),
        "How long a TLS handshake may take [default: 10]"),

    setting("auth.htpasswd", "htpasswd", Path(|s| &mut s.htpasswd),
        "Let only users of this file send requests; `mirrorball passwd` writes it"),
    setting("auth.realm", "realm", Text(|s| &mut s.realm),
        "What browsers call this server when they ask for a password [default: mirrorball]"),
    setting("auth.max_concurrent_hashes", "max-concurrent-hashes", Count(|s| &mut s.limits.max_concurrent_hashes),
        "Passwords that are hashed at once [default: 2]"),
    setting("auth.max_pending_hashes", "max-pending-hashes", Count(|s| &mut s.limits.max_pending_hashes),
        "Passwords that wait to be hashed [default: 128]"),
    setting("auth.failures_per_min_per_ip", "failures-per-min-per-ip", Count(|s| &mut s.limits.failures_per_min_per_ip),
        "Wrong passwords of one client within a minute [default: 30]"),
    setting("auth.max_password_bytes", "max-password-bytes", Size(|s| &mut s.limits.max_password_bytes),
        "The longest password [default: 1KiB]"),

    setting("juggler.ws_path", "ws-path", Text(|s| &mut s.ws_path),
        "Where clients connect [default: /ws]"),
    setting("juggler.autoflush_delay", "autoflush-delay", OptionalSeconds(|s| &mut s.autoflush_delay),
        "How long changes are gathered before they are sent; 0 sends each, with none nothing is sent by itself [default: 0.2]"),
    setting("juggler.parallel_requests", "parallel-requests", Switch(|s| &mut s.options.parallel_requests),
        "Handle the requests of one connection at once instead of one after another"),
    setting("juggler.max_pending_requests", "max-pending-requests", Count(|s| &mut s.options.max_pending_requests),
        "Requests of one connection that are handled or wait [default: 64]"),
    setting("juggler.max_pending_bytes", "max-pending-bytes", Size(|s| &mut s.options.max_pending_bytes),
        "Bytes of those requests together [default: 4MiB]"),
    setting("juggler.max_pending_values", "max-pending-values", Count(|s| &mut s.options.max_pending_values),
        "Values in those requests together [default: 120000]"),
    setting("juggler.pending_total_requests", "pending-total-requests", Count(|s| &mut s.pending_total_requests),
        "Requests that are handled or wait, those of all clients together [default: 10000]"),
    setting("juggler.pending_total_bytes", "pending-total-bytes", Size(|s| &mut s.pending_total_bytes),
        "Bytes of those requests together [default: 256MiB]"),
    setting("juggler.pending_total_values", "pending-total-values", Count(|s| &mut s.pending_total_values),
        "Values in those requests together [default: 4000000]"),
    setting("juggler.max_inbound_rate", "max-inbound-rate", OptionalRate(|s| &mut s.options.max_inbound_rate),
        "Messages that a client may send each second before it is read more slowly, or none [default: 200]"),
    setting("juggler.max_inbound_burst", "max-inbound-burst", Burst(|s| &mut s.options.max_inbound_burst),
        "Messages that a client may send at once before that counts [default: 400]"),
    setting("juggler.send_queue_size", "send-queue-size", Count(|s| &mut s.options.send_queue_size),
        "Messages that wait to be sent to one client [default: 1024]"),
    setting("juggler.send_queue_bytes", "send-queue-bytes", Size(|s| &mut s.options.send_queue_bytes),
        "Bytes of those messages together [default: 1MiB]"),
    setting("juggler.write_timeout", "ws-write-timeout", OptionalTimeout(|s| &mut s.options.write_timeout),
        "How long a client may take nothing of what waits for it before it is closed, or none [default: 10]"),
    setting("juggler.max_websocket_bytes", "max-websocket-bytes", Size(|s| &mut s.max_message_bytes),
        "Bytes of one WebSocket message of a client, inflated; at least 196609 for @hat-open/juggler [default: 1MiB]"),
    setting("juggler.reassembly_total_bytes", "reassembly-total-bytes", Size(|s| &mut s.reassembly_total_bytes),
        "Bytes of unfinished messages, those of all clients together [default: 256MiB]"),
    setting("juggler.max_segment_size", "max-segment-size", Size(|s| &mut s.options.max_segment_size),
        "Bytes of a segment [default: 64KiB]"),
    setting("juggler.max_message_bytes", "max-message-bytes", Size(|s| &mut s.options.assembly.message_bytes),
        "Bytes of a client's message [default: 4MiB]"),
    setting("juggler.max_segments", "max-segments", Count(|s| &mut s.options.assembly.segments),
        "Segments of a client's message [default: 4096]"),
    setting("juggler.message_timeout", "message-timeout", OptionalTimeout(|s| &mut s.options.assembly.timeout),
        "How long the segments of a client's message may take to come, or none [default: 60]"),
    setting("juggler.max_ping_bytes", "max-ping-bytes", Size(|s| &mut s.options.assembly.ping_bytes),
        "Bytes of a client's ping [default: 4KiB]"),
    setting("juggler.ping_delay", "ping-delay", OptionalTimeout(|s| &mut s.options.keepalive.ping_delay),
        "After how long without a word from a client to ask whether it is there, or none [default: 30]"),
    setting("juggler.ping_timeout", "ping-timeout", Timeout(|s| &mut s.options.keepalive.ping_timeout),
        "How long to wait for the answer to that [default: 30]"),
    setting("juggler.max_depth", "max-depth", Count(|s| &mut s.options.json.depth),
        "How deep a client's data may be nested [default: 100]"),
    setting("juggler.max_nodes", "max-nodes", Count(|s| &mut s.options.json.nodes),
        "How many values a client's data may have [default: 100000]"),

    setting("bayeux.path", "bayeux-path", Text(|s| &mut s.bayeux.path),
        "Where clients of Bayeux connect, and below which [default: /cometd]"),
    setting("bayeux.channels", "channel", Patterns(|s| &mut s.bayeux.channels),
        "Let clients subscribe and publish on the channels of this pattern, such as /chat/**; may be repeated. They may on no other"),
    setting("bayeux.transports", "bayeux-transport", Transports(|s| &mut s.bayeux.transports),
        "Speak this: websocket, long-polling or callback-polling; may be repeated, the best first [default: the first two]"),
    setting("bayeux.timeout", "bayeux-timeout", Seconds(|s| &mut s.bayeux.options.timeout),
        "How long a /meta/connect is held [default: 30]"),
    setting("bayeux.interval", "bayeux-interval", Seconds(|s| &mut s.bayeux.options.interval),
        "How long clients wait before the next /meta/connect [default: 0]"),
    setting("bayeux.max_interval", "bayeux-max-interval", Timeout(|s| &mut s.bayeux.options.max_interval),
        "How long a session lives without a /meta/connect, beyond that [default: 10]"),
    setting("bayeux.max_lazy_timeout", "bayeux-max-lazy-timeout", Timeout(|s| &mut s.bayeux.options.max_lazy_timeout),
        "How long a message may wait that is not worth an answer of its own [default: 5]"),
    setting("bayeux.max_sessions", "bayeux-max-sessions", Count(|s| &mut s.bayeux.options.max_sessions),
        "Sessions in all [default: 20000]"),
    setting("bayeux.max_sessions_per_ip", "bayeux-max-sessions-per-ip", Count(|s| &mut s.bayeux.options.max_sessions_per_address),
        "Sessions of one client's address [default: 256]"),
    setting("bayeux.max_sessions_per_browser", "bayeux-max-sessions-per-browser", OptionalCount(|s| &mut s.bayeux.options.max_sessions_per_browser),
        "Sessions of one browser whose /meta/connect is held at once, or none for any number [default: 1]"),
    setting("bayeux.multi_session_interval", "bayeux-multi-session-interval", Seconds(|s| &mut s.bayeux.options.multi_session_interval),
        "How often those beyond ask instead; 0 refuses them [default: 2]"),
    setting("bayeux.max_subscriptions", "bayeux-max-subscriptions", Count(|s| &mut s.bayeux.options.max_subscriptions),
        "Subscriptions of one session [default: 128]"),
    setting("bayeux.max_channels", "bayeux-max-channels", Count(|s| &mut s.bayeux.options.max_channels),
        "Channels and patterns that are subscribed to [default: 100000]"),
    setting("bayeux.max_channel_length", "bayeux-max-channel-length", Count(|s| &mut s.bayeux.options.max_channel_length),
        "Bytes of a channel's name [default: 255]"),
    setting("bayeux.max_segments", "bayeux-max-segments", Count(|s| &mut s.bayeux.options.max_segments),
        "Segments of a channel's name [default: 16]"),
    setting("bayeux.max_queue", "bayeux-max-queue", Count(|s| &mut s.bayeux.options.max_queue),
        "Messages that wait for one session [default: 1000]"),
    setting("bayeux.max_queue_bytes", "bayeux-max-queue-bytes", Size(|s| &mut s.bayeux.options.max_queue_bytes),
        "Bytes of those messages together [default: 1MiB]"),
    setting("bayeux.overflow", "bayeux-overflow", Choice(&bayeux::OVERFLOW),
        "What happens where one of those is passed: disconnect, reject or drop-oldest [default: disconnect]"),
    setting("bayeux.max_batch", "bayeux-max-batch", Count(|s| &mut s.bayeux.max_batch),
        "Messages that a client may send at once [default: 64]"),
    setting("bayeux.max_message_bytes", "bayeux-max-message-bytes", Size(|s| &mut s.bayeux.max_message_bytes),
        "Bytes of what a client sends at once [default: 1MiB]"),
    setting("bayeux.max_inbound_rate", "bayeux-max-inbound-rate", OptionalRate(|s| &mut s.bayeux.max_inbound_rate),
        "Messages that a client may send each second over a WebSocket before it is read more slowly, or none [default: 1000]"),
    setting("bayeux.max_inbound_burst", "bayeux-max-inbound-burst", Burst(|s| &mut s.bayeux.max_inbound_burst),
        "Messages that a client may send at once before that counts [default: 2000]"),
    setting("bayeux.broadcast_to_publisher", "bayeux-broadcast-to-publisher", Switch(|s| &mut s.bayeux.options.broadcast_to_publisher),
        "Whether who publishes a message hears of it, too [default: true]"),
    setting("bayeux.handshake_reconnect", "bayeux-handshake-reconnect", Switch(|s| &mut s.bayeux.options.handshake_reconnect),
        "Tell clients how long their session lives without a /meta/connect"),
    setting("bayeux.trust_client_session", "bayeux-trust-client-session", Switch(|s| &mut s.bayeux.options.trust_client_session),
        "Take whoever names a session for its owner, whatever the browser's cookie"),
    setting("bayeux.ack", "bayeux-ack", Switch(|s| &mut s.bayeux.options.ack),
        "Whether clients may have messages acknowledged [default: true]"),
    setting("bayeux.timesync", "bayeux-timesync", Switch(|s| &mut s.bayeux.options.timesync),
        "Whether clients may ask for the server's time [default: true]"),
    setting("bayeux.timestamp", "bayeux-timestamp", Switch(|s| &mut s.bayeux.options.timestamp),
        "Say with everything that is sent when that was"),
    setting("bayeux.max_replay_bytes", "bayeux-max-replay-bytes", Size(|s| &mut s.bayeux.options.max_replay_bytes),
        "Bytes of the messages that are kept to be replayed [default: 64MiB]"),
    setting("bayeux.meta_connect_deliver_only", "bayeux-meta-connect-deliver-only", Switch(|s| &mut s.bayeux.options.long_polling.meta_connect_deliver_only),
        "With long-polling, send messages with the replies to /meta/connect only"),
    setting("bayeux.duplicate_meta_connect_status", "bayeux-duplicate-meta-connect-status", Status(|s| &mut s.bayeux.duplicate_meta_connect_status),
        "The HTTP status of a /meta/connect whose session sent another one [default: 500]"),
    setting("bayeux.callback_parameter", "bayeux-callback-parameter", Text(|s| &mut s.bayeux.callback_parameter),
        "The parameter that names the function of callback-polling [default: jsonp]"),
    setting("bayeux.callback_max_length", "bayeux-callback-max-length", Count(|s| &mut s.bayeux.callback_max_length),
        "Characters of that name [default: 64]"),
    setting("bayeux.cors_headers", "bayeux-cors-header", Texts(|s| &mut s.bayeux.cors_headers),
        "Let pages of other sites that may connect set this header, too; may be repeated"),
    setting("bayeux.messages_per_frame", "bayeux-messages-per-frame", Number(|s| &mut s.bayeux.messages_per_frame),
        "Messages in one WebSocket frame, 0 for all that wait [default: 1]"),
    setting("bayeux.protocol", "bayeux-protocol", OptionalText(|s| &mut s.bayeux.protocol),
        "The WebSocket subprotocol that clients have to offer"),
    setting("bayeux.require_handshake_per_connection", "bayeux-require-handshake-per-connection", Switch(|s| &mut s.bayeux.options.require_handshake_per_connection),
        "Have a WebSocket carry only sessions that shook hands on it"),
    setting("bayeux.idle_timeout", "bayeux-idle-timeout", OptionalTimeout(|s| &mut s.bayeux.idle_timeout),
        "How long a WebSocket may be silent before it is closed, or none [default: 300]"),
    setting("bayeux.write_timeout", "bayeux-write-timeout", OptionalTimeout(|s| &mut s.bayeux.write_timeout),
        "How long a client may take nothing of what is sent before its WebSocket is closed, or none [default: 10]"),
    setting("bayeux.cookie_name", "bayeux-cookie-name", Text(|s| &mut s.bayeux.cookie_name),
        "The cookie that ties sessions of long-polling to their browser [default: BAYEUX_BROWSER]"),
    setting("bayeux.cookie_domain", "bayeux-cookie-domain", OptionalText(|s| &mut s.bayeux.cookie_domain),
        "The domain whose servers are sent it, instead of this server alone"),
    setting("bayeux.cookie_path", "bayeux-cookie-path", Text(|s| &mut s.bayeux.cookie_path),
        "The paths below which it is sent [default: /]"),
    setting("bayeux.cookie_max_age", "bayeux-cookie-max-age", OptionalTimeout(|s| &mut s.bayeux.cookie_max_age),
        "How long browsers keep it, or none for until they are closed [default: none]"),
    setting("bayeux.cookie_secure", "bayeux-cookie-secure", Choice(&bayeux::SECURE),
        "Whether it is sent over TLS only: true, false, or auto, where it was given over TLS [default: auto]"),
    setting("bayeux.cookie_http_only", "bayeux-cookie-http-only", Switch(|s| &mut s.bayeux.cookie_http_only),
        "Keep it from scripts [default: true]"),
    setting("bayeux.cookie_same_site", "bayeux-cookie-same-site", Choice(&bayeux::SAME_SITE),
        "With which requests of other sites it goes: strict, lax, none, or unset [default: unset]"),
    setting("bayeux.cookie_partitioned", "bayeux-cookie-partitioned", Switch(|s| &mut s.bayeux.cookie_partitioned),
        "Have pages that are embedded in others have one for each"),
];

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_name_is_given_twice() {
        let keys: HashSet<_> = SETTINGS.iter().map(|setting| setting.key).collect();
        let flags: HashSet<_> = SETTINGS.iter().map(|setting| setting.flag).collect();
        assert_eq!((keys.len(), flags.len()), (SETTINGS.len(), SETTINGS.len()));
        // Tables are written one after the other.
        let mut tables: Vec<_> = SETTINGS.iter().map(|setting| setting.place().0).collect();
        tables.dedup();
        let different: HashSet<_> = tables.iter().collect();
        assert_eq!(tables.len(), different.len());
    }

    /// What the help says of a default is what the default is.
    #[test]
    fn the_help_tells_the_defaults() {
        use super::super::kind::Written;
        for setting in SETTINGS {
            let told = setting
                .help
                .split_once("[default: ")
                .map(|(_, rest)| rest.trim_end_matches(']'));
            let Some(told) = told.filter(|told| !told.contains([' ', ','])) else {
                continue;
            };
            let mut settings = Settings::default();
            let before = setting.kind.show(&settings);
            let texts = [told.to_owned()];
            let written = Written {
                texts: &texts,
                folder: None,
            };
            setting.kind.set(&mut settings, &written).unwrap();
            assert_eq!(setting.kind.show(&settings), before, "{}", setting.key);
        }
    }
}
