//! A client as a [`Machine`].

use super::{Client, ClientEvent, Frame};
use crate::{
    json::Json,
    machine::{Input, Machine, Output},
    time::Instant,
};

impl<J: Json> Machine for Client<J> {
    type Text = J::Text;
    type Frame = Frame;
    type Event = ClientEvent<J>;

    fn handle(&mut self, _input: Input<J::Text>, _now: Instant) {}

    fn poll(&mut self) -> Option<Output<Frame, ClientEvent<J>>> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}
