//! The card as a witness: which memory an emulated card read, compared with the memory of the payload.
//!
//! ```text
//! guest                                                      host
//!   sweep: one more pass a cell        client ── port ──►      vm::witness: switches QEMU's trace on and off
//!   sender's agent: pages ─► frames                            descriptor: what each line says that was read
//!                                             ◄── port ──      so many bytes, so many of them in these frames
//! ```
//!
//! Payload that is read where the program wrote it was copied by nobody on the way. Kernel memory is never
//! mapped in the agent, so what the kernel copied lies elsewhere.

mod client;
pub(crate) mod descriptor;
pub(crate) mod frames;
pub(crate) mod pages;
pub(crate) mod question;

pub(crate) use client::{DEVICE, Witness};
pub(crate) use frames::Frames;
pub(crate) use question::Testimony;
