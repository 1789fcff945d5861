//! State, requests and answers as Rust types, for web apps that are written in Rust themselves.
//!
//! ```no_run
//! use mirrorball_client_wasm::{juggler::JugglerCore, typed::Mismatch};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Plant {
//!     devices: Vec<String>,
//! }
//!
//! #[derive(Serialize)]
//! struct Limit {
//!     max: u32,
//! }
//!
//! fn limit(plant: &JugglerCore) -> Result<f64, Mismatch> {
//!     let devices = plant.typed_state::<Plant>()?.map_or(0, |state| state.devices.len());
//!     plant.typed_request("set-limit", &Limit { max: 10 * devices as u32 }, None)
//! }
//! ```

use std::fmt;

use mirrorball_protocol::juggler::message;
use serde::{Serialize, de::DeserializeOwned};
use serde_wasm_bindgen::{Serializer, from_value};
use wasm_bindgen::JsValue;

use crate::juggler::JugglerCore;

/// A value is not of the Rust type that was asked for, or a Rust value has no JSON form. The text says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch(String);

impl fmt::Display for Mismatch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

impl From<serde_wasm_bindgen::Error> for Mismatch {
    fn from(error: serde_wasm_bindgen::Error) -> Self {
        Self(error.to_string())
    }
}

/// What a callback was given, an answer or a notification's data, as a Rust type.
///
/// # Errors
///
/// Where it is something else.
pub fn read<T: DeserializeOwned>(value: JsValue) -> Result<T, Mismatch> {
    Ok(from_value(value)?)
}

impl JugglerCore {
    /// The mirrored state as a Rust type, a copy; `None` while it is `null`.
    ///
    /// # Errors
    ///
    /// Where the server's state is something else.
    pub fn typed_state<T: DeserializeOwned>(&self) -> Result<Option<T>, Mismatch> {
        read(self.state())
    }

    /// As [`request`](Self::request), with data of a Rust type.
    ///
    /// # Errors
    ///
    /// Where the data has no JSON form that a browser can hold; nothing was sent.
    pub fn typed_request<T: Serialize + ?Sized>(
        &self,
        name: &str,
        data: &T,
        timeout: Option<f64>,
    ) -> Result<f64, Mismatch> {
        let data = data.serialize(&Serializer::json_compatible())?;
        let text = js_sys::JSON::stringify(&data).map_err(serde_wasm_bindgen::Error::from)?;
        let ask = message::ask(name, &String::from(text), None);
        Ok(self.request(&ask, false, timeout))
    }
}
