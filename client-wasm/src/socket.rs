//! One attempt's WebSocket.

use mirrorball_protocol::{machine::Input, reason::Reason};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{CloseEvent, WebSocket};

use crate::{
    js::{JsText, receive},
    shell::{Line, Refused},
};

/// A browser's WebSocket that reports what happens to it until it is dropped; that closes it.
#[derive(Debug)]
pub struct Socket {
    socket: WebSocket,
    _opened: Closure<dyn Fn()>,
    _message: Closure<dyn Fn(JsValue, f64)>,
    _closed: Closure<dyn Fn(CloseEvent)>,
}

impl Line for Socket {
    type Frame = String;
    type Setup = ();

    fn open(
        (): &(),
        address: &str,
        attempt: u32,
        report: impl Fn(Input<JsText>) + Clone + 'static,
    ) -> Result<Self, Refused> {
        let socket = WebSocket::new(address).map_err(|_| Refused)?;
        Ok(Self::over(socket, attempt, report))
    }

    fn send(&self, text: String) {
        // The one error is that the socket is not open yet; the rules send after it opened. On a socket that
        // is closing, the browser drops the text, and its close event tells the rules.
        let _ = self.socket.send_with_str(&text);
    }

    fn close(self, reason: Reason) {
        // The one error is a code that pages may not use.
        let _ = self
            .socket
            .close_with_code_and_reason(page_code(reason.code), reason.text);
    }
}

impl Socket {
    /// Reports what happens to a socket, with the number of this `attempt`.
    pub(crate) fn over(
        socket: WebSocket,
        attempt: u32,
        report: impl Fn(Input<JsText>) + Clone + 'static,
    ) -> Self {
        let opened = Closure::new({
            let report = report.clone();
            move || report(Input::Opened { attempt })
        });
        let message = Closure::new({
            let report = report.clone();
            move |data, head| {
                report(match JsText::received(data, head) {
                    Some(text) => Input::Text { attempt, text },
                    None => Input::Binary { attempt },
                });
            }
        });
        let closed = Closure::new(move |event: CloseEvent| {
            report(Input::Closed {
                attempt,
                code: event.code(),
            });
        });
        socket.set_onopen(Some(Closure::as_ref(&opened).unchecked_ref()));
        receive(&socket, &message);
        socket.set_onclose(Some(Closure::as_ref(&closed).unchecked_ref()));
        Self {
            socket,
            _opened: opened,
            _message: message,
            _closed: closed,
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        // Where it is closed already, this does nothing; there is no other error without a code.
        let _ = self.socket.close();
    }
}

/// The close code that stands for `code`: pages may say 1000 and those from 3000 on, so 1002 becomes 3002.
const fn page_code(code: u16) -> u16 {
    match code {
        1000 | 3000..=4999 => code,
        1001..=1999 => code + 2000,
        _ => 3000,
    }
}
