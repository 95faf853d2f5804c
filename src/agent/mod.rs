//! The agent: the process that holds one end, its worker threads and its counters.
//!
//! ```text
//! coordinator            sender agent                receiver agent
//!    | Prepare(order) ------>| listen
//!    |<---- Listening(port) -|
//!    | Prepare(order, addr) ---------------------------->| connect N streams (nonce, index)
//!    |<---- Ready -----------|<------------- Ready ------|   counters open, buffers allocated
//!    | Start --------------->|-------------------------->| ... flows, warm-up ...
//!    | [Hold --------------->| pauses after a message    |   only when a trial counts messages:
//!    |  <--- Held(bytes) ----|                           |   the receiver must know the boundary
//!    |  Hold(bytes) ------------------------------------>|
//!    |  <--------------------------------------- Held ---|]
//!    | Measure ----------------------------------------->| each stream's window begins with its next bytes
//!    |<------------------------------------ Armed -------|
//!    | Measure ------------->|                           | each worker begins its window
//!    |<---- Measuring -------|<----------- Measuring ----|   every stream's window has begun
//!    | [Flow --------------->|                           |   only when a trial lasts a duration: the senders
//!    | Count(seconds) ------>|-------------------------->|   go on, each end looks at all its streams at two
//!    |<---- Counted ---------|<------------- Counted ----|   moments,
//!    | Stop ---------------->|-------------------------->|]  and the streams' windows end
//!    |                       | half-close, reap          | drain to EOF
//!    |<---- Report ----------|<------------ Report ------|
//! ```
//!
//! Either agent may send `Broken` at any time after `Prepare`; it has then dropped the trial. Every frame
//! carries the trial's number, so that one of an earlier trial is recognised and ignored.

mod event;
pub mod handshake;
mod local_peer;
pub mod order;
pub mod protocol;
mod running_trial;
pub mod serve;
pub mod session;
pub mod streams;
mod thread;
mod window;
