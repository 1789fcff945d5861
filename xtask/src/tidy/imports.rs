//! Who may import what.

use super::file_name;
use super::rust::words;
use super::tree::{File, Finding, Tree};

/// What the core may depend on, and what its tests may: nothing that does I/O.
const CORE_DEPENDENCIES: &[&str] = &["serde", "serde_json"];
const CORE_TEST_DEPENDENCIES: &[&str] = &["json-patch", "proptest", "wasm-bindgen-test"];

/// The browser client's files that look inside a JS value.
const JS_FILES: &[&str] = &["js.rs", "options.rs", "typed.rs"];
/// What looking inside is spelled as.
const JS_WORDS: &[&str] = &[
    "Reflect",
    "as_bool",
    "as_f64",
    "as_string",
    "serde_wasm_bindgen",
];
/// The files that may besides name the type, each with the reason.
const JS_CARRIERS: &[(&str, &str)] = &[
    (
        "juggler.rs",
        "the class that the facade wraps takes and returns values, unseen",
    ),
    ("bayeux.rs", "as juggler.rs"),
    (
        "polling.rs",
        "a request's hooks and what it brings are such values, unseen",
    ),
    (
        "socket.rs",
        "what a browser throws when it refuses a socket is such a value",
    ),
    ("way.rs", "as socket.rs"),
];

/// What a socket is spelled as.
const SOCKET_WORDS: &[&str] = &[
    "CloseEvent",
    "MessageEvent",
    "TcpListener",
    "TcpStream",
    "TlsStream",
    "UdpSocket",
    "UnixStream",
    "WebSocket",
    "WebSocketStream",
    "WebSocketUpgrade",
    "tungstenite",
];

/// The crates that give the core its sockets and clocks.
const SHELLS: &[&str] = &["client/", "client-wasm/", "server/"];

/// The core is `no_std`, and depends on nothing with which I/O could be spelled.
pub(crate) fn core_without_io(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree
        .files()
        .iter()
        .filter(|file| file.path.starts_with("protocol/"))
    {
        match file.path.as_str() {
            "protocol/Cargo.toml" => {
                let foreign = dependencies(file).filter(|found| !found.is_allowed());
                findings.extend(foreign.map(|found| found.finding()));
            }
            "protocol/src/lib.rs" if !file.shipped.contains("#![no_std]") => {
                findings.push(file.at(0, "the core has to be `#![no_std]`"));
            }
            _ => {}
        }
        if file.path.starts_with("protocol/src/") && !file.is_test() {
            let code = &file.shipped;
            let uses = words(code, "std").filter(|at| code[at + 3..].starts_with("::"));
            let linked = code.match_indices("extern crate std").map(|(at, _)| at);
            // Its tests may print.
            let linked = linked.filter(|at| !statement(code, *at).contains("#[cfg(test)]"));
            let message = "the core uses `core` and `alloc`, not `std`";
            findings.extend(uses.chain(linked).map(|at| file.at(at, message)));
        }
    }
    findings
}

/// What stands before `at` in the statement that it is part of.
fn statement(code: &str, at: usize) -> &str {
    code[..at].rsplit([';', '}']).next().unwrap_or_default()
}

struct Dependency<'a> {
    file: &'a File,
    offset: usize,
    name: &'a str,
    for_tests: bool,
}

/// The dependencies in a manifest, whatever its tables are called.
fn dependencies(file: &File) -> impl Iterator<Item = Dependency<'_>> {
    let mut table = "";
    let mut offset = 0;
    file.text.split_inclusive('\n').filter_map(move |line| {
        let at = offset;
        offset += line.len();
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            table = header.trim_end_matches(']');
            // `[dependencies.name]`
            let (head, name) = table.rsplit_once('.')?;
            let listed = head.ends_with("dependencies");
            let for_tests = head.ends_with("dev-dependencies");
            return listed.then_some(Dependency {
                file,
                offset: at,
                name,
                for_tests,
            });
        }
        let name = line.split(['=', '.', ' ']).next()?.trim_matches('"');
        let listed = table.ends_with("dependencies") && !name.is_empty() && !name.starts_with('#');
        let for_tests = table.ends_with("dev-dependencies");
        listed.then_some(Dependency {
            file,
            offset: at,
            name,
            for_tests,
        })
    })
}

impl Dependency<'_> {
    fn is_allowed(&self) -> bool {
        CORE_DEPENDENCIES.contains(&self.name)
            || self.for_tests && CORE_TEST_DEPENDENCIES.contains(&self.name)
    }

    fn finding(&self) -> Finding {
        self.file.at(
            self.offset,
            format!("the core may not depend on `{}`", self.name),
        )
    }
}

/// Juggler and Bayeux never name each other.
pub(crate) fn protocols_apart(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (one, other) in [("juggler", "bayeux"), ("bayeux", "juggler")] {
        let module = format!("{one}.rs");
        let is_of = |file: &&File| {
            file.path
                .split('/')
                .any(|part| part == one || part == module)
        };
        for file in tree.rust().filter(is_of) {
            let message = format!("{one} may not name {other}");
            findings.extend(words(&file.shipped, other).map(|at| file.at(at, &*message)));
        }
    }
    findings
}

/// A client has no use for the server's rules.
pub(crate) fn client_without_server(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree
        .rust()
        .filter(|file| file_name(&file.path) == "client.rs")
    {
        let code = &file.shipped;
        let imported = |at: &usize| {
            let in_path =
                code[at + "server".len()..].starts_with("::") || code[..*at].ends_with("::");
            in_path || words(statement(code, *at), "use").next().is_some()
        };
        let places = words(code, "server").filter(imported);
        findings.extend(places.map(|at| file.at(at, "a client may not import a server")));
    }
    findings
}

/// JS values are looked into in one place each: state in `js.rs` and its parts, options in `options.rs`, Rust
/// types in `typed.rs`.
pub(crate) fn js_values_in_one_place(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let elsewhere = |file: &&File| {
        file.path.starts_with("client-wasm/src/")
            && !file.path.starts_with("client-wasm/src/js/")
            && !JS_FILES.contains(&file_name(&file.path))
    };
    for file in tree.rust().filter(elsewhere) {
        let carries = JS_CARRIERS
            .iter()
            .any(|(name, _)| *name == file_name(&file.path));
        for word in JS_WORDS.iter().chain((!carries).then_some(&"JsValue")) {
            let message = format!("only {} may name `{word}`", JS_FILES.join(" and "));
            findings.extend(words(&file.shipped, word).map(|at| file.at(at, &*message)));
        }
    }
    findings
}

/// The modules that bind a protocol to a platform leave sockets to the shell's driver.
pub(crate) fn protocol_without_sockets(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let binds = |file: &&File| {
        SHELLS.iter().any(|shell| file.path.starts_with(shell))
            && file
                .path
                .split('/')
                .any(|part| matches!(part.trim_end_matches(".rs"), "juggler" | "bayeux"))
            && !file.is_test()
    };
    for file in tree.rust().filter(binds) {
        for word in SOCKET_WORDS {
            let message = format!("sockets are the shell's: `{word}` does not belong here");
            // The rules' words for what a client speaks through are no sockets.
            let code = &file.shipped;
            let is_word = |at: &usize| {
                let path = &code[..*at];
                path.ends_with("Transport::") || path.ends_with("ConnectionType::")
            };
            let places = words(code, word).filter(|at| !is_word(at));
            findings.extend(places.map(|at| file.at(at, &*message)));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn the_core_has_no_io() {
        check(
            core_without_io,
            &[
                ("protocol/Cargo.toml", "[dependencies]\ntokio = \"1\"\n"),
                (
                    "protocol/Cargo.toml",
                    "[target.'cfg(unix)'.dependencies]\nmio.workspace = true\n",
                ),
                (
                    "protocol/Cargo.toml",
                    "[dependencies.tokio]\nversion = \"1\"\n",
                ),
                ("protocol/Cargo.toml", "[dependencies]\nproptest = \"1\"\n"),
                ("protocol/Cargo.toml", "[dev-dependencies]\ntokio = \"1\"\n"),
                ("protocol/src/lib.rs", "//! #![no_std]\n"),
                ("protocol/src/json/mod.rs", "use std::time::Instant;\n"),
                ("protocol/src/json/mod.rs", "extern crate std;\n"),
            ],
            &[
                (
                    "protocol/Cargo.toml",
                    "[package]\nname = \"p\"\n[dependencies]\n# why\nserde = { workspace = true }\n\
                     \n[dev-dependencies]\nproptest.workspace = true\n[lints]\nworkspace = true\n",
                ),
                (
                    "protocol/src/lib.rs",
                    "#![no_std]\n#[cfg(test)]\n#[macro_use]\nextern crate std;\n",
                ),
                (
                    "protocol/src/time.rs",
                    "// unlike std::time\n#[cfg(test)] mod t { use std::x; }",
                ),
                ("server/Cargo.toml", "[dependencies]\ntokio = \"1\"\n"),
            ],
        );
    }

    #[test]
    fn the_protocols_stay_apart() {
        check(
            protocols_apart,
            &[
                (
                    "protocol/src/juggler/client.rs",
                    "use crate::bayeux::Channel;",
                ),
                ("protocol/src/bayeux/mod.rs", "use super::juggler;"),
                ("server/src/juggler.rs", "use crate::bayeux;"),
            ],
            &[
                (
                    "protocol/src/juggler/client.rs",
                    "// as in bayeux\nuse crate::json;",
                ),
                ("protocol/src/lib.rs", "pub mod bayeux; pub mod juggler;"),
            ],
        );
    }

    #[test]
    fn clients_do_not_import_servers() {
        check(
            client_without_server,
            &[
                (
                    "protocol/src/juggler/client.rs",
                    "use super::server::Server;",
                ),
                (
                    "protocol/src/juggler/client.rs",
                    "use super::{link, server};",
                ),
                (
                    "protocol/src/juggler/client.rs",
                    "fn f() { super::server::f() }",
                ),
            ],
            &[
                (
                    "protocol/src/juggler/client.rs",
                    "use super::link;\nfn f(server: u8) { server }",
                ),
                (
                    "protocol/src/juggler/client.rs",
                    "#[cfg(test)]\nmod tests { use super::server; }",
                ),
                ("protocol/src/juggler/pair.rs", "use super::server::Server;"),
            ],
        );
    }

    #[test]
    fn js_values_are_looked_into_in_one_place() {
        check(
            js_values_in_one_place,
            &[
                ("client-wasm/src/shell.rs", "use wasm_bindgen::JsValue;"),
                ("client-wasm/src/juggler.rs", "js_sys::Reflect::has(&a, &b)"),
            ],
            &[
                ("client-wasm/src/js.rs", "use wasm_bindgen::JsValue;"),
                ("client-wasm/src/options.rs", "use wasm_bindgen::JsValue;"),
                ("client-wasm/src/juggler.rs", "use wasm_bindgen::JsValue;"),
                (
                    "client-wasm/src/shell.rs",
                    "//! No JsValue here.\nfn f(x: &Js) {}",
                ),
                ("client-wasm/tests/mirror.rs", "use wasm_bindgen::JsValue;"),
            ],
        );
    }

    #[test]
    fn protocol_bindings_know_no_sockets() {
        check(
            protocol_without_sockets,
            &[
                ("client-wasm/src/juggler.rs", "use web_sys::WebSocket;"),
                (
                    "server/src/juggler/mod.rs",
                    "fn f(upgrade: WebSocketUpgrade) {}",
                ),
                ("server/src/bayeux.rs", "use tokio::net::TcpStream;"),
            ],
            &[
                ("client-wasm/src/socket.rs", "use web_sys::WebSocket;"),
                (
                    "server/src/juggler/mod.rs",
                    "/// Over a WebSocket.\nfn f() {}",
                ),
                ("protocol/src/juggler/link.rs", "struct WebSocket;"),
                (
                    "server/src/bayeux/routes.rs",
                    "fn f() -> Transport { Transport::WebSocket }",
                ),
            ],
        );
    }
}
