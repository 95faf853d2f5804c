//! The guest's side: this program as the first process of a virtual machine.
//!
//! It makes the file systems that a program expects, loads the modules that the host chose, runs the command,
//! sends home what it writes, and switches the machine off.

mod boot;
mod command;
mod files;

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};

use super::frame::{self, News, PORT};
use super::task::{TASK, Task};

/// Whether this process is the first one of a guest that `copycost vm` started.
pub fn is_init() -> bool {
    std::process::id() == 1 && Path::new(TASK).exists()
}

/// Runs the guest's task and switches the machine off.
pub fn run() -> ! {
    if let Err(error) = work() {
        // The console is what the host shows of a machine that never came up.
        crate::output::say(format_args!("copycost: the guest cannot continue: {error:#}"));
    }
    boot::power_off()
}

fn work() -> Result<()> {
    boot::mount_all()?;
    boot::load_modules()?;
    let port = Port::open()?;
    let ended = perform(&port);
    let last = match ended {
        Ok(code) => News::Ended { code },
        Err(error) => News::Unable(format!("{error:#}")),
    };
    port.tell(&last, &[])?;
    // The host ends the machine when it has heard the end; the port must not be closed before that.
    std::thread::sleep(std::time::Duration::from_secs(30));
    Ok(())
}

fn perform(port: &Port) -> Result<u8> {
    let task: Task = serde_json::from_slice(&std::fs::read(TASK)?).context("the task cannot be read")?;
    port.tell(&News::Up, &[])?;
    boot::set_up_network()?;
    let files = files::FileWatcher::start(&task.watched, port.clone())?;
    let code = command::run(&task, port)?;
    files.finish()?;
    Ok(code)
}

/// The port to the host, shared by all who have news.
#[derive(Clone)]
pub(super) struct Port(Arc<Mutex<File>>);

impl Port {
    fn open() -> Result<Self> {
        let path = boot::port(PORT)?;
        let file = File::options().read(true).write(true).open(&path);
        Ok(Self(Arc::new(Mutex::new(file.with_context(|| format!("cannot open {}", path.display()))?))))
    }

    pub(super) fn tell(&self, news: &News, bytes: &[u8]) -> Result<()> {
        let mut port = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        frame::tell(&mut *port, news, bytes).context("the host does not answer")
    }

    /// A second handle, to wait for orders with.
    fn orders(&self) -> Result<File> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).try_clone()?)
    }
}
