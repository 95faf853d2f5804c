//! A machine from its start to its end: it boots, what it reports is acted on, Ctrl-C reaches its command, and how it
//! ended is said.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::frame::{self, GuestRequest, News, OutputStream};
use super::home::Home;
use super::qemu::{Accel, Machine, Nic, Qemu, Running};
use super::watchdog::{Action, Watchdog, usual_patience};
use super::witness::Onlooker;
use crate::exit::Interrupted;
use crate::frame as control;
use crate::output::harmless;

/// How long a machine may take until its first program runs. KVM needs a second or two where it works; a translator
/// on a busy host is slow.
const KVM_PATIENCE: Duration = Duration::from_secs(10);
const TCG_PATIENCE: Duration = Duration::from_secs(120);
/// How often is looked whether the user has pressed Ctrl-C.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long a machine that is to end may be silent.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// Lines of the console that are shown of a machine that failed.
const LAST_LINES: usize = 12;

/// What comes from a machine.
enum MachineEvent {
    News(News, Vec<u8>),
    /// The port was closed, or carries nonsense.
    Closed,
    Console(Vec<u8>),
}

/// Why a machine did not get as far as its command.
pub(crate) enum NotUp {
    /// Nothing came within this time.
    Silent(Duration),
    /// It ended, or cannot go on.
    Failed(anyhow::Error),
}

/// A machine whose command runs.
pub(crate) struct Up {
    running: Running,
    events: Receiver<MachineEvent>,
    console: Console,
    /// How long it may be silent, where the user does not say.
    usual_patience: Duration,
}

/// The last lines of a console.
#[derive(Default)]
struct Console {
    lines: VecDeque<String>,
    /// A line whose end has not come yet.
    rest: String,
    /// What a kernel said that gave up; the trace behind it may be longer than what is kept.
    panic: Option<String>,
}

impl Console {
    fn add(&mut self, bytes: &[u8]) {
        self.rest += &String::from_utf8_lossy(bytes);
        while let Some((line, rest)) = self.rest.split_once('\n') {
            let (line, rest) = (harmless(line.trim_end()), rest.to_owned());
            if self.panic.is_none() && line.contains("Kernel panic") {
                self.panic = Some(line.clone());
            }
            self.lines.push_back(line);
            self.rest = rest;
            if self.lines.len() > LAST_LINES {
                self.lines.pop_front();
            }
        }
    }

    /// The lines, for the end of a message.
    fn last_words(&self) -> String {
        let mut lines: Vec<&str> = self.lines.iter().map(String::as_str).collect();
        let rest = harmless(self.rest.trim_end());
        lines.extend(Some(rest.as_str()).filter(|rest| !rest.is_empty()));
        match lines.is_empty() {
            true => "it said nothing on its console".to_owned(),
            false => format!("its last lines:\n  {}", lines.join("\n  ")),
        }
    }
}

/// Starts a machine and waits until its command runs.
pub(crate) fn start(
    qemu: &Qemu,
    machine: &Machine<'_>,
    [image, initramfs]: [&File; 2],
    stop: &AtomicBool,
) -> Result<Up, NotUp> {
    let running = qemu.start(machine, image, initramfs).map_err(NotUp::Failed)?;
    let events = listen(&running, machine.nic).map_err(NotUp::Failed)?;
    let usual_patience = usual_patience(machine.accel, machine.clock);
    let mut up = Up { running, events, console: Console::default(), usual_patience };
    let patience = if machine.accel == Accel::Kvm { KVM_PATIENCE } else { TCG_PATIENCE };
    let deadline = Instant::now() + patience;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(NotUp::Failed(Interrupted.into()));
        }
        match up.events.recv_timeout(LOOK_AGAIN) {
            Ok(MachineEvent::News(News::Up, _)) => return Ok(up),
            Ok(MachineEvent::News(News::Unable(why), _)) => {
                return Err(NotUp::Failed(anyhow::anyhow!("the machine cannot do the work: {why}")));
            }
            Ok(MachineEvent::News(..)) => {}
            Ok(MachineEvent::Console(bytes)) => up.console.add(&bytes),
            Ok(MachineEvent::Closed) | Err(RecvTimeoutError::Disconnected) => {
                return Err(NotUp::Failed(up.why_gone()));
            }
            Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
            Err(RecvTimeoutError::Timeout) => return Err(NotUp::Silent(patience)),
        }
    }
}

/// Threads that read what the machine says, and one that answers what it asks.
fn listen(running: &Running, nic: Nic) -> Result<Receiver<MachineEvent>> {
    let (sender, events) = channel();
    let (mut port, mut console) = (running.port.try_clone()?, running.console.try_clone()?);
    let tell = sender.clone();
    std::thread::spawn(move || {
        while let Ok((news, bytes)) = frame::hear(&mut port) {
            if tell.send(MachineEvent::News(news, bytes)).is_err() {
                return;
            }
        }
        let _ = tell.send(MachineEvent::Closed);
    });
    std::thread::spawn(move || read_console(&mut console, &sender));
    let onlooker = Onlooker { nic, monitor: running.monitor.try_clone()?, log: Arc::clone(&running.log) };
    let witness = running.witness.try_clone()?;
    std::thread::spawn(move || onlooker.answer(witness));
    Ok(events)
}

fn read_console(console: &mut UnixStream, tell: &Sender<MachineEvent>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = console.read(&mut buffer) {
        if tell.send(MachineEvent::Console(buffer[..count].to_vec())).is_err() {
            return;
        }
    }
}

impl Up {
    /// Acts on what the machine reports until its command has ended; the command's exit code.
    ///
    /// # Errors
    /// When the machine ends before its command, or what it writes cannot be written here.
    pub(crate) fn run(mut self, home: &Home, stop: &AtomicBool, patience: Option<Duration>) -> Result<u8> {
        let mut told = None;
        let mut trouble: Option<anyhow::Error> = None;
        let mut watchdog = Watchdog::new(patience.unwrap_or(self.usual_patience), Instant::now());
        loop {
            match told {
                None if stop.load(Ordering::Relaxed) || trouble.is_some() => {
                    told = Some(Instant::now());
                    self.order(GuestRequest::Interrupt)?;
                }
                Some(since) if watchdog.silence(Instant::now()).min(since.elapsed()) >= LAST_WORDS => {
                    return Err(trouble.unwrap_or_else(|| Interrupted.into()));
                }
                _ => {}
            }
            let event = self.events.recv_timeout(LOOK_AGAIN);
            let now = Instant::now();
            match &event {
                Ok(MachineEvent::News(..)) => watchdog.hear(now),
                Err(RecvTimeoutError::Timeout) => match watchdog.look(now) {
                    Action::Wait => {}
                    Action::Ask => self.order(GuestRequest::Ping)?,
                    Action::End => return Err(trouble.unwrap_or_else(|| self.hangs(watchdog.silence(now)))),
                },
                _ => {}
            }
            match event {
                Ok(MachineEvent::News(News::Output { stream, .. }, bytes)) => show(stream, &bytes),
                Ok(MachineEvent::News(News::Changed { path, change, .. }, bytes)) if trouble.is_none() => {
                    trouble = home.apply(&path, &change, &bytes).err();
                }
                Ok(MachineEvent::News(News::Changed { .. } | News::Up | News::Pong, _))
                | Err(RecvTimeoutError::Timeout) => {}
                Ok(MachineEvent::News(News::Ended { code }, _)) => return trouble.map_or(Ok(code), Err),
                Ok(MachineEvent::News(News::Unable(why), _)) => {
                    bail!("the machine cannot do the work: {why}")
                }
                Ok(MachineEvent::Console(bytes)) => self.console.add(&bytes),
                Ok(MachineEvent::Closed) | Err(RecvTimeoutError::Disconnected) => {
                    return Err(trouble.unwrap_or_else(|| self.why_gone()));
                }
            }
        }
    }

    fn order(&mut self, order: GuestRequest) -> Result<()> {
        control::write(&mut self.running.port, &order).context("the machine is gone")
    }

    /// What is to be said of a machine that does not answer.
    fn hangs(&self, silence: Duration) -> anyhow::Error {
        anyhow::anyhow!(
            "the machine has sent nothing for {} s and does not answer, so it was ended; run it again, or give it \
             longer with --patience; {}",
            silence.as_secs(),
            self.console.last_words()
        )
    }

    /// What became of a machine that is gone.
    fn why_gone(&mut self) -> anyhow::Error {
        // What it said last may still be on its way.
        let deadline = Instant::now() + Duration::from_millis(500);
        while let Ok(event) = self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if let MachineEvent::Console(bytes) = event {
                self.console.add(&bytes);
            }
        }
        let _ = self.running.process.0.kill();
        let status = self.running.process.0.wait();
        if let Some(panic) = &self.console.panic {
            return anyhow::anyhow!("the machine's kernel gave up: {panic}; {}", self.console.last_words());
        }
        if let Some(said) = self.running.log.said() {
            return anyhow::anyhow!("QEMU refused the machine: {said}");
        }
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        anyhow::anyhow!("the machine ended before its command did ({status}); {}", self.console.last_words())
    }
}

/// Shows what the command wrote, where it was meant to go, as it is: the command is this program, which wrote nothing that
/// does harm. A reader that is gone is no reason to stop.
fn show(stream: OutputStream, bytes: &[u8]) {
    let _ = match stream {
        OutputStream::Out => io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()),
        OutputStream::Error => io::stderr().write_all(bytes),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_a_console_are_kept_and_harmless() {
        let mut console = Console::default();
        assert!(console.last_words().contains("said nothing"));
        for number in 0..30 {
            console.add(format!("line {number}\x1b[2J\r\n").as_bytes());
        }
        assert!(console.last_words().contains("line 29"));
        console.add(b"Kernel panic - not syncing: no init\n");
        console.add("trace\n".repeat(LAST_LINES).as_bytes());
        console.add(b"line 31\nhalf");
        assert_eq!(console.panic.as_deref(), Some("Kernel panic - not syncing: no init"));
        let words = console.last_words();
        assert!(
            words.contains("line 31") && !words.contains("line 29") && words.ends_with("half"),
            "{words}"
        );
        assert!(!words.contains('\x1b'));
    }
}
