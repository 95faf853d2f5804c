//! stream: messages one way, as fast as they go.

mod figures;
mod receiver;
mod sender;

use super::Entry;
use crate::cell::USUAL_WORKLOAD;

pub(super) use figures::of as figures;
pub(super) use receiver::run as receive;
pub(super) use sender::run as send;

pub(super) const ENTRY: Entry = Entry {
    name: USUAL_WORKLOAD,
    about: "messages one way, as fast as they go",
    parameters: &[],
    needs: None,
    is_answered: false,
    unanswered: |_| None,
    send,
    receive,
    figures,
};
