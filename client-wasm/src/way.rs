//! [`Way`]: a WebSocket or long-polling, whatever an address is one for.

use std::{fmt, rc::Rc};

use mirrorball_protocol::{
    bayeux::client::{Frame, Kind},
    machine::Input,
    reason::Reason,
};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use web_sys::WebSocket;

use crate::{
    js::JsText,
    polling::Polling,
    shell::{Line, Refused},
    socket::Socket,
};

#[wasm_bindgen]
extern "C" {
    /// What a page does to batches before they are sent, and to those that came; see `Hooks` in `js/src/bayeux/hooks.ts`.
    #[derive(Clone, Debug)]
    pub type Hooks;
    /// A WebSocket, or what behaves like one.
    #[wasm_bindgen(method, catch)]
    fn socket(this: &Hooks, url: &str) -> Result<WebSocket, JsValue>;
}

/// What the ways of a client have in common.
#[derive(Clone)]
pub struct Setup {
    /// What a page does to batches.
    pub hooks: Hooks,
    /// Whether the address of a request says what it is about.
    pub says_kind: bool,
    /// Told the number of a batch that a server did not look at, and the HTTP status.
    pub denied: Rc<dyn Fn(u32, u16)>,
}

impl Setup {
    /// The address for a batch.
    pub(crate) fn url(&self, url: &str, kind: Kind) -> String {
        let mut whole = String::from(url);
        // What has a query or is a file is no folder.
        let last = url.rsplit('/').next().unwrap_or_default();
        let is_folder = !url.contains('?') && !last.contains('.');
        if self.says_kind && is_folder {
            if !url.ends_with('/') {
                whole.push('/');
            }
            whole.push_str(kind.path());
        }
        whole
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Setup").finish_non_exhaustive()
    }
}

/// One attempt's way to a server: the scheme of its address says which.
#[derive(Debug)]
pub enum Way {
    /// A WebSocket.
    Socket(Socket),
    /// HTTP requests.
    Polling(Polling),
}

impl Line for Way {
    type Frame = Frame;
    type Setup = Setup;

    fn open(
        setup: &Setup,
        address: &str,
        attempt: u32,
        report: impl Fn(Input<JsText>) + Clone + 'static,
    ) -> Result<Self, Refused> {
        if address.starts_with("ws") {
            let socket = setup.hooks.socket(address).map_err(|_| Refused)?;
            Ok(Self::Socket(Socket::over(socket, attempt, report)))
        } else {
            Ok(Self::Polling(Polling::open(
                setup, address, attempt, report,
            )))
        }
    }

    fn opens_at_once(&self) -> bool {
        matches!(self, Self::Polling(_))
    }

    fn send(&self, frame: Frame) {
        match self {
            Self::Socket(socket) => socket.send(frame.text),
            Self::Polling(polling) => polling.send(frame),
        }
    }

    fn close(self, reason: Reason) {
        if let Self::Socket(socket) = self {
            socket.close(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen::JsCast;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test]
    fn an_address_says_what_its_request_is_about() {
        let mut setup = Setup {
            hooks: js_sys::Object::new().unchecked_into(),
            says_kind: true,
            denied: Rc::new(|_, _| {}),
        };
        let url = |setup: &Setup, url| setup.url(url, Kind::Connect);
        assert_eq!(url(&setup, "http://a/cometd"), "http://a/cometd/connect");
        assert_eq!(url(&setup, "http://a/cometd/"), "http://a/cometd/connect");
        assert_eq!(url(&setup, "http://a/cometd?b"), "http://a/cometd?b");
        assert_eq!(url(&setup, "http://a/cometd.do"), "http://a/cometd.do");
        assert_eq!(
            setup.url("http://a/cometd", Kind::Other),
            "http://a/cometd/"
        );
        setup.says_kind = false;
        assert_eq!(url(&setup, "http://a/cometd"), "http://a/cometd");
    }
}
