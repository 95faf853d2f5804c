//! The command in the guest: what it inherits, where its output goes, how it is interrupted.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::libc;
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::Pid;

use super::{Port, boot};
use crate::frame::{self, CAP};
use crate::host::policy;
use crate::lab::kind::INTERFACES;
use crate::vm::frame::{GuestRequest, News, OutputStream};
use crate::vm::task::{CARRIED, INPUT, Size, Task};
use crate::witness;

/// How long after the command's end its output may still come: from a process that it left behind.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// Runs the task's command to its end; its exit code.
pub(super) fn run(task: &Task, port: &Port) -> Result<u8> {
    let words = &task.command;
    let mut command = match (task.is_carried, words.split_first()) {
        (true, Some((program, arguments))) => {
            let mut command = Command::new(Path::new(CARRIED).join(program));
            command.args(arguments);
            command
        }
        _ => {
            let mut command = Command::new("/init");
            command.arg0("copycost").args(words);
            command
        }
    };
    let input = File::open(INPUT).map_or_else(|_| Stdio::null(), Stdio::from);
    let (out, from_out) = output(task.terminals[0])?;
    let (error, from_error) = output(task.terminals[1])?;
    let cards = boot::cards();
    if cards.len() == 2 {
        command.env(INTERFACES, cards.join(","));
    }
    command.env(witness::DEVICE, boot::port(witness::question::PORT)?);
    command
        .envs(task.environment.iter().map(|(name, value)| (name, value)))
        .env("PATH", format!("{CARRIED}:/bin"))
        .env("HOME", "/root")
        .current_dir(&task.directory)
        .stdin(input)
        .stdout(out)
        .stderr(error);
    if task.in_order {
        boot::let_the_first_rank_have_all()?;
        // SAFETY: between fork and exec there is one system call, and nothing is allocated.
        unsafe { command.pre_exec(policy::in_order) };
    }
    let mut child = command.spawn().with_context(|| format!("cannot start {}", words.join(" ")))?;
    // The command's ends of the pipes, without which their readers see the end.
    drop(command);
    obey(&child, port)?;
    let readers = [
        pump(from_out, OutputStream::Out, port.clone()),
        pump(from_error, OutputStream::Error, port.clone()),
    ];
    let status = child.wait().context("waiting for the command")?;
    let deadline = Instant::now() + AFTERWARDS;
    for reader in readers {
        while !reader.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(u8::try_from(code).unwrap_or(1))
}

/// Where the command writes to, and where that is read: a terminal where the host's is one.
fn output(terminal: Option<Size>) -> Result<(Stdio, File)> {
    let Some(size) = terminal else {
        let (read, write) = std::io::pipe()?;
        return Ok((OwnedFd::from(write).into(), OwnedFd::from(read).into()));
    };
    let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(Some(&size), None).context("cannot make a terminal")?;
    // The bytes reach the host's terminal as they are, and it is that one which turns a line's end into two.
    let mut settings = tcgetattr(&pty.slave)?;
    cfmakeraw(&mut settings);
    tcsetattr(&pty.slave, SetArg::TCSANOW, &settings)?;
    Ok((pty.slave.into(), pty.master.into()))
}

/// Sends home what comes, until the last writer is gone: a terminal then says EIO.
fn pump(mut from: File, stream: OutputStream, port: Port) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let news = News::Output { stream, bytes: count as u64 };
            if port.tell(&news, &buffer[..count]).is_err() {
                return;
            }
        }
    })
}

/// Passes the host's orders on to the command.
fn obey(child: &Child, port: &Port) -> Result<()> {
    let mut orders = port.orders()?;
    let child = Pid::from_raw(child.id() as libc::pid_t);
    let port = port.clone();
    std::thread::spawn(move || {
        while let Ok(order) = frame::read(&mut orders, CAP) {
            // A command that is gone already needs no signal, and a host that is gone no answer.
            let _ = match order {
                GuestRequest::Interrupt => kill(child, Signal::SIGINT).map_err(Into::into),
                GuestRequest::Ping => port.tell(&News::Pong, &[]),
            };
        }
    });
    Ok(())
}
