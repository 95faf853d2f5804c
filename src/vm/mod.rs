//! `copycost vm`: a command of copycost in a virtual machine of its own, on any kernel, with two network cards,
//! whose results come home as they are made.
//!
//! ```text
//! host                                                guest (this binary as /init)
//!   kernel, vmlinux, modules ─► initramfs ──────────►  boot: file systems, modules, cards
//!   kvm: does it work? qemu: words, process            the command, as a child
//!   machine: boots, listens, tells, ends  ◄── port ──  output, files, exit code
//!   watchdog: asks it when it is silent   ◄── port ──  answers
//!   home: files as they grow                           files: watches them with inotify
//!   witness: QEMU's trace, by its monitor ◄── port ──  the command asks what its cards read
//! ```
//!
//! No root, no tap device, no disk image, no file system driver: the initramfs carries what the command needs,
//! and one virtio-serial port ([`frame`]) carries everything home.

pub(crate) mod contents;
pub mod frame;
pub mod guest;
pub(crate) mod home;
mod initramfs;
pub(crate) mod kernel;
pub(crate) mod kvm;
pub(crate) mod log;
pub(crate) mod machine;
pub(crate) mod modules;
mod package;
pub(crate) mod qemu;
mod qmp;
pub(crate) mod task;
pub(crate) mod vmlinux;
mod watchdog;
mod witness;
