//! stream: messages one way, as fast as they go.

mod figures;
mod receiver;
mod sender;

use super::Entry;
use crate::cell::USUAL_WORKLOAD;

pub(super) const ENTRY: Entry = Entry {
    name: USUAL_WORKLOAD,
    about: "messages one way, as fast as they go",
    send: sender::run,
    receive: receiver::run,
    figures: figures::of,
};
